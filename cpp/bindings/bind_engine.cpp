// SPDX-License-Identifier: Apache-2.0
// The native engine: steps the buffers that Python owns.
#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <atomic>
#include <memory>
#include <stdexcept>

#include "arrays.hpp"
#include "bindings.hpp"
#include "wattkeel/crew.hpp"
#include "wattkeel/kernels.hpp"

namespace wattkeel::bindings {

namespace {

template <class T> void take(Rows<T>& member, const py::object& source, const char* name) {
    member = rows<T>(source.attr(name), name);
}

SiteView site_view(const py::object& plant) {
    SiteView v;
#define WATTKEEL_TAKE(name) take(v.name, plant, #name)
    WATTKEEL_TAKE(site);
    WATTKEEL_TAKE(job);
    WATTKEEL_TAKE(job_state);
    WATTKEEL_TAKE(gpu);
    WATTKEEL_TAKE(gpu_state);
    WATTKEEL_TAKE(rack);
    WATTKEEL_TAKE(node);
    WATTKEEL_TAKE(node_state);
    WATTKEEL_TAKE(ride);
    WATTKEEL_TAKE(ride_state);
    WATTKEEL_TAKE(chain);
    WATTKEEL_TAKE(chain_state);
    WATTKEEL_TAKE(cooling);
    WATTKEEL_TAKE(cooling_state);
    WATTKEEL_TAKE(generation);
    WATTKEEL_TAKE(generation_state);
    WATTKEEL_TAKE(converter);
    WATTKEEL_TAKE(converter_state);
    WATTKEEL_TAKE(battery);
    WATTKEEL_TAKE(battery_state);
    WATTKEEL_TAKE(container);
    WATTKEEL_TAKE(cell);
    WATTKEEL_TAKE(supercapacitor);
    WATTKEEL_TAKE(supercapacitor_state);
    WATTKEEL_TAKE(support);
    WATTKEEL_TAKE(support_state);
    WATTKEEL_TAKE(control);
    WATTKEEL_TAKE(control_state);
    WATTKEEL_TAKE(grid);
    WATTKEEL_TAKE(grid_state);
    WATTKEEL_TAKE(grid_event);
    WATTKEEL_TAKE(playback);
    WATTKEEL_TAKE(shedding);
    WATTKEEL_TAKE(shedding_state);
    WATTKEEL_TAKE(frequency_ring);
    WATTKEEL_TAKE(tap_changer);
    WATTKEEL_TAKE(tap_changer_state);
    WATTKEEL_TAKE(capacitor_bank);
    WATTKEEL_TAKE(capacitor_bank_state);
    WATTKEEL_TAKE(island);
    WATTKEEL_TAKE(island_state);
    WATTKEEL_TAKE(forming);
    WATTKEEL_TAKE(forming_state);
    WATTKEEL_TAKE(record);
    WATTKEEL_TAKE(clock);
    WATTKEEL_TAKE(lane);
    WATTKEEL_TAKE(lane_id);
    WATTKEEL_TAKE(table);
    WATTKEEL_TAKE(trace_time);
    WATTKEEL_TAKE(trace_value);
    WATTKEEL_TAKE(level);
    WATTKEEL_TAKE(generation_level);
    WATTKEEL_TAKE(playback_level);
    WATTKEEL_TAKE(ring);
    WATTKEEL_TAKE(converter_table);
    WATTKEEL_TAKE(converter_ring);
    WATTKEEL_TAKE(unit_soc);
    WATTKEEL_TAKE(node_load);
    WATTKEEL_TAKE(node_input);
    WATTKEEL_TAKE(node_loss);
    WATTKEEL_TAKE(node_changed);
    WATTKEEL_TAKE(signal);
    WATTKEEL_TAKE(meter);
    WATTKEEL_TAKE(meter_carry);
    WATTKEEL_TAKE(bucket_low);
    WATTKEEL_TAKE(bucket_high);
    WATTKEEL_TAKE(bucket_total);
#undef WATTKEEL_TAKE
    if (v.lane.size % lane_rows != 0 || v.lane_id.size * lane_rows != v.lane.size) {
        throw py::value_error("lane: shape does not fit lane_id");
    }
    return v;
}

ChunkView chunk_view(const py::object& chunk) {
    ChunkView k;
    take(k.keep, chunk, "keep");
    take(k.full, chunk, "full");
    take(k.envelope, chunk, "envelope");
    take(k.event_index, chunk, "event_index");
    take(k.event_value, chunk, "event_value");
    take(k.tally, chunk, "tally");
    return k;
}

int process_id() {
#if defined(_WIN32)
    return 0;  // no fork there
#else
    return static_cast<int>(getpid());
#endif
}

// Binds a site's buffers to an instruction set and a crew. It keeps the Python objects alive, so
// that the addresses stay valid; the caller must not resize them.
class Runner {
public:
    Runner(py::object plant, py::object chunk, const std::string& isa, int threads)
        : plant_(std::move(plant)), chunk_(std::move(chunk)), table_(kernels(isa)),
          view_(site_view(plant_)), outputs_(chunk_view(chunk_)),
          crew_(std::make_unique<Crew>(threads)) {
        crew_->assign(view_);
    }

    void advance(std::int64_t ticks) {
        const std::int64_t signals = view_.signal.size;
        const std::int64_t buckets = (view_.clock[1] + ticks) / view_.record[0].envelope_tick;
        if (ticks < 0 || ticks * outputs_.keep.size > outputs_.full.size ||
            (buckets + 1) * 3 * signals > outputs_.envelope.size) {
            throw py::value_error("advance: more ticks than the chunk holds");
        }
        if (stepping_.exchange(true)) {
            throw std::runtime_error(
                "this engine is being stepped by another thread; give each its own engine");
        }
        const Reset reset{stepping_};
        if (process_ != process_id()) renew_crew();
        py::gil_scoped_release release;
        table_.advance(view_, outputs_, ticks, crew_->team());
    }

    std::string isa() const { return table_.name; }
    int threads() const { return crew_->threads(); }

private:
    struct Reset {
        std::atomic<bool>& flag;
        ~Reset() { flag.store(false); }
    };

    // After a fork the threads are those of the parent: the old crew is left as it is, for nobody
    // can join it.
    void renew_crew() {
        const int threads = crew_->threads();
        static_cast<void>(crew_.release());
        crew_ = std::make_unique<Crew>(threads);
        crew_->assign(view_);
        process_ = process_id();
    }

    py::object plant_;
    py::object chunk_;
    const KernelTable& table_;
    SiteView view_;
    ChunkView outputs_;
    std::unique_ptr<Crew> crew_;
    int process_ = process_id();
    std::atomic<bool> stepping_{false};
};

}  // namespace

void bind_engine(py::module_& module) {
    py::class_<Runner>(module, "Runner", "Steps the buffers of a Plant; see wattkeel.engine.")
        .def(py::init<py::object, py::object, const std::string&, int>(), py::arg("plant"),
             py::arg("chunk"), py::arg("isa") = "", py::arg("threads") = 1)
        .def("advance", &Runner::advance, py::arg("ticks"), "Step; the GIL is released meanwhile.")
        .def_property_readonly("isa", &Runner::isa)
        .def_property_readonly("threads", &Runner::threads);
}

}  // namespace wattkeel::bindings
