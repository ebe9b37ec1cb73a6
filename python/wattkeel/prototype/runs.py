"""Single stages over a whole horizon, for ``wattkeel.stages``; arrays of a run are (ticks, lanes)."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.battery import battery_step
from wattkeel.prototype.control import control_step, measured_load
from wattkeel.prototype.converter import converter_dc, converter_response
from wattkeel.prototype.cooling import cooling_step
from wattkeel.prototype.distribution import distribution_step
from wattkeel.prototype.gpu import gpu_power
from wattkeel.prototype.grid import grid_events, grid_step
from wattkeel.prototype.rack import rack_load, rack_psu, rack_store
from wattkeel.prototype.supercapacitor import supercapacitor_step
from wattkeel.prototype.workload import job_step, workload_demand, workload_offset


@kernel
def workload_run(ticks, n, p, s, seed, rated_w, idle_w, lane_id, offset_tick, demand_w):
    """Demand of a training job in ``n`` racks, W per GPU."""
    for t in range(ticks):
        job_step(p, s, seed, t)
        if s.renew == 1:
            workload_offset(n, p, s, seed, lane_id, offset_tick)
        workload_demand(n, p, s, rated_w, idle_w, offset_tick, demand_w[t])


@kernel
def gpu_run(
    ticks, n, p, gpus, magic, cap_w, demand_w, gpu_power_w, below_floor_tick, overshoot_w,
    rack_demand_w, rack_power_w, rack_floor_w, rack_deficit_w, rack_overshoot_w,
):  # fmt: skip
    """Power smoothing of the GPUs of ``n`` racks."""
    for t in range(ticks):
        gpu_power(
            n, p, gpus, magic, cap_w, p.secondary_floor_w, demand_w[t], gpu_power_w, below_floor_tick,
            overshoot_w, rack_demand_w[t], rack_power_w[t], rack_floor_w[t], rack_deficit_w[t],
            rack_overshoot_w[t],
        )  # fmt: skip


@kernel
def rack_run(
    ticks, n, p, magic, dt_s, gpu_w, average_w, energy_j, output_w, load_w, overhead_w, store_power_w,
    store_loss_w, store_energy_j, psu_loss_w, inlet_w,
):  # fmt: skip
    """Overhead, shelf store and PSU of ``n`` racks."""
    for t in range(ticks):
        rack_load(n, p, magic, gpu_w[t], overhead_w[t], load_w)
        rack_store(
            n, p, magic, dt_s, 1 if t == 0 else 0, load_w, average_w, energy_j, store_power_w[t],
            store_loss_w[t], output_w,
        )  # fmt: skip
        rack_psu(n, p, magic, output_w, psu_loss_w[t], inlet_w[t])
        for i in range(n):
            store_energy_j[t, i] = energy_j[i]


@kernel
def distribution_run(ticks, n, p, s, load_w, input_w, loss_w, bus_w, changed):
    """Losses of a distribution tree of ``n`` nodes."""
    for t in range(ticks):
        bus_w[t] = distribution_step(n, p, s, load_w[t], input_w[t], loss_w[t], changed[t])


@kernel
def cooling_run(ticks, p, s, it_w, power_w):
    """Cooling power for given IT power."""
    for t in range(ticks):
        power_w[t] = cooling_step(p, s, it_w[t])


@kernel
def converter_run(ticks, p, s, command_w, power_w, dc_w):
    """A converter in front of a store that can do all."""
    for t in range(ticks):
        s.command_w = command_w[t]
        s.power_w = converter_response(p, s)
        power_w[t] = s.power_w
        dc_w[t] = converter_dc(p, s.power_w)


@kernel
def battery_run(
    ticks, p, s, table, command_w, power_w, cell_power_w, loss_w, current_a, voltage_v, soc, limited
):
    """A battery under commanded DC power."""
    for t in range(ticks):
        power_w[t], cell_power_w[t], loss_w[t], limited[t] = battery_step(p, s, table, command_w[t])
        current_a[t] = s.current_a
        voltage_v[t] = s.voltage_v
        soc[t] = s.soc


@kernel
def supercapacitor_run(
    ticks, p, s, dt_s, command_w, power_w, cell_power_w, loss_w, current_a, voltage_v, soc, limited
):
    """A supercapacitor under commanded DC power."""
    for t in range(ticks):
        power_w[t], cell_power_w[t], loss_w[t], limited[t] = supercapacitor_step(p, s, dt_s, command_w[t])
        current_a[t] = s.current_a
        voltage_v[t] = s.voltage_v
        soc[t] = (s.energy_j - p.energy_empty_j) * p.soc_per_j


@kernel
def control_run(ticks, p, s, ring, load_w, slow_soc, fast_soc, target_w, slow_w, fast_w):
    """The storage control at constant SoC."""
    slow = 0.0
    fast = 0.0
    for t in range(ticks):
        measured = measured_load(p, s, ring, t, load_w[t])
        if t % p.period_tick == 0:
            slow, fast = control_step(p, s, ring, measured, slow_soc, fast_soc)
        target_w[t] = s.target_w
        slow_w[t] = slow
        fast_w[t] = fast


@kernel
def grid_run(
    ticks, p, s, event, dt_s, bus_w, load_var,
    power_w, reactive_var, voltage_pu, frequency_hz, rocof_hz_per_s, unserved_w,
):  # fmt: skip
    """POI voltage and frequency for a given load of the site bus."""
    for t in range(ticks):
        if t >= s.next_change_tick:
            grid_events(p, s, event, t)
        power_w[t], reactive_var[t], _, unserved_w[t], rocof_hz_per_s[t], _ = grid_step(
            p, s, dt_s, bus_w[t], load_var[t]
        )
        voltage_pu[t] = s.voltage_pu
        frequency_hz[t] = s.frequency_hz
