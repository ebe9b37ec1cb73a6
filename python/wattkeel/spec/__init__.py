"""The one definition of every parameter: tables in TOML and the generator that reads them."""
