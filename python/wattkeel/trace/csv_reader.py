"""Text tables: separators, header, rows and their line numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from wattkeel.trace.cells import Raw, is_void
from wattkeel.trace.notes import Notes, counted, listed, placed

if TYPE_CHECKING:
    from _csv import Reader

_NO_HEADER_REMEDY = (
    "record it with a header (nvidia-smi: --format=csv without `noheader`), or put a line such as "
    "`timestamp, power.draw [W]` or `t_s,power_w` on top"
)
_VALUE = re.compile(r"\s*([+-]?[\d.]+([eE][+-]?\d+)?(\s*[A-Za-z%]+)?|\d{1,4}[-/]\d{1,2}[-/]\d{1,4}\b.*)\s*")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*[A-Za-z]*\s*")
_FORMATS = "give CSV (also gzipped) or Parquet"


class CsvTable:
    """A text table, of which only the header is read at first.

    Parameters
    ----------
    text : str
        The whole file.
    notes : Notes
        Takes faults and warnings.

    Raises
    ------
    TraceError
        There is no header or no row below it.
    """

    row_word = "line"

    def __init__(self, text: str, notes: Notes) -> None:
        self._notes = notes
        # io.StringIO with newline="" leaves CRLF and quoted line ends to the csv module.
        self._stream = io.StringIO(text, newline="")
        header = self._find_header()
        self.separator = max(",;\t", key=header.count)
        if self.separator not in header:
            self._refuse_one_column(header)
        self.names: list[str] = [name.strip() for name in next(self._cells_of([header]))]
        while self.names and not self.names[-1]:
            self.names.pop()  # a separator at the end of the line
        if sum(bool(_VALUE.fullmatch(name)) for name in self.names) * 2 >= len(self.names):
            notes.stop(f"line {self._above} holds values: the file has no header", _NO_HEADER_REMEDY)
        self.decimal_comma = False
        self.lines: list[int] = []

    def _cells_of(self, lines: Iterable[str]) -> Reader:
        return csv.reader(lines, delimiter=self.separator, skipinitialspace=True)

    def _find_header(self) -> str:
        """Give the header line; `#` lines above are skipped, unless the last of them is the header."""
        self._above = 0
        comment = ""
        for line in self._stream:
            self._above += 1
            text = line.strip()
            if text.startswith("#"):
                comment = text.lstrip("# ")
            elif text:
                first = re.split(r"[,;\t]", text)[0]
                if comment and _VALUE.fullmatch(first):
                    self._stream.seek(self._stream.tell() - len(line))
                    self._above -= 1
                    return comment
                return text
        return self._notes.stop("the file holds no line", "give the file that holds the samples")

    def _refuse_one_column(self, header: str) -> NoReturn:
        if _VALUE.fullmatch(header):
            self._notes.stop(f"line {self._above} holds values: the file has no header", _NO_HEADER_REMEDY)
        self._notes.stop(
            f"no comma, semicolon or tab separates columns in the header {header[:80]!r}",
            "give a table with a column of time and a column of power, such as `t_s,power_w`",
        )

    def read(self, indices: Sequence[int]) -> dict[int, Raw]:
        """Read the cells of some columns.

        Parameters
        ----------
        indices : sequence of int
            Positions of the columns.

        Returns
        -------
        dict
            Position -> cells as text. Rows of another width than the header are faults.
        """
        pick = itemgetter(*indices) if len(indices) > 1 else lambda row: (row[indices[0]],)
        width = len(self.names)
        picked: list[tuple[str, ...]] = []
        uneven: list[tuple[int, list[str]]] = []
        reader = self._cells_of(self._stream)
        try:
            for row in reader:
                if len(row) != width and not (len(row) > width and not any(map(str.strip, row[width:]))):
                    if row and any(map(str.strip, row)):
                        uneven.append((self._above + reader.line_num, row))
                    continue
                picked.append(pick(row))
                self.lines.append(self._above + reader.line_num)
        except csv.Error as error:
            line = self._above + reader.line_num
            self._notes.stop(f"line {line}: {error}", "remove the stray quote or bytes")
        self._judge_uneven(uneven, width)
        if not picked:
            self._notes.stop("there is no sample below the header", "give a file with at least two samples")
        columns: dict[int, Raw] = dict(zip(indices, map(list, zip(*picked, strict=True)), strict=True))
        self.decimal_comma = self.separator != "," and any(
            _DECIMAL_COMMA.fullmatch(str(cell)) for cells in columns.values() for cell in cells[:20]
        )
        if self.decimal_comma:
            self._notes.warn("numbers with a decimal comma: 0,5 is read as one half")
        return columns

    def _judge_uneven(self, uneven: list[tuple[int, list[str]]], width: int) -> None:
        """Turn rows of another width into faults."""
        if not uneven:
            return
        last, row = uneven[-1]
        if len(row) < width and last > max(self.lines, default=0):
            self._notes.fault(
                f"line {last}, the last, is cut off: {counted(len(row), 'cell')} of {width}",
                "copy the file again, or delete its last line",
            )
            uneven = uneven[:-1]
        if uneven:
            numbers = [number for number, _ in uneven]
            text = self.separator.join(uneven[0][1])[:60]
            self._notes.fault(
                f"{counted(len(uneven), 'row')} with another number of cells than the header's {width} "
                f"({placed('line', numbers)}; the first reads {text!r})",
                "correct or delete these lines",
            )

    def place(self, rows: Sequence[int]) -> str:
        """Give rows (from 0) as line numbers of the file."""
        return placed(self.row_word, [self.lines[row] for row in rows])

    @staticmethod
    def is_empty(cells: Raw) -> bool:
        """Whether no cell of a column holds a value."""
        return all(not cell.strip() or is_void(cell) or cell.strip().lower() == "nan" for cell in cells)

    def repeats_header(self, row: int, index: int, cells: Raw) -> bool:
        """Whether a row is the header once more, as in logs that were appended to each other."""
        return str(cells[row]).strip() == self.names[index]


def decode(data: bytes, notes: Notes) -> str:
    """Give the text of a file in UTF-8 or, with a byte order mark, UTF-16.

    Parameters
    ----------
    data : bytes
        The file, decompressed.
    notes : Notes
        Takes faults.

    Returns
    -------
    str
        The text without byte order mark.

    Raises
    ------
    TraceError
        The bytes are binary or in another encoding.
    """
    # PowerShell redirects into UTF-16 with a byte order mark.
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in data[:65536]:
        notes.stop(
            f"the file is binary (it begins with {data[:8]!r}), not text and not Parquet",
            _FORMATS,
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            notes.stop("the UTF-16 text is damaged", "save the file as UTF-8")
        line = data.count(b"\n", 0, error.start) + 1
        junk = sum(byte < 9 or 13 < byte < 32 for byte in data[:4096]) > 8
        if junk:
            notes.stop(f"the file is binary (it begins with {data[:8]!r})", _FORMATS)
        notes.stop(
            f"line {line}: byte 0x{data[error.start]:02x} is not UTF-8",
            "save the file as UTF-8, for example: iconv -f latin1 -t utf-8",
        )
    _refuse_other_formats(text, notes)
    return text


def _refuse_other_formats(text: str, notes: Notes) -> None:
    """Name formats that are text but no table."""
    start = text.lstrip()[:200]
    if not start:
        notes.stop("the file is empty", "give the file that holds the samples")
    if ":::MLLOG" in start:
        notes.stop(
            "the file is an MLPerf log of `:::MLLOG` lines", "turn power_reading into CSV: t_ms,power_w"
        )
    if start[0] in "{[<":
        kind = "XML or HTML" if start[0] == "<" else "JSON"
        notes.stop(f"the file is {kind}, not a table", _FORMATS)


def shown_names(names: Sequence[str]) -> str:
    """Give the columns of a file as text for a message."""
    return listed([f"'{name}'" for name in names], 12)
