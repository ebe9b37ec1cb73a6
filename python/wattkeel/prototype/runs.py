"""Single stages over a whole horizon, for ``wattkeel.stages``; arrays of a run are (ticks, lanes)."""

from __future__ import annotations

from wattkeel._generated.dtypes import CELL_SOC, CELL_TEMPERATURE_K
from wattkeel.prototype._jit import kernel
from wattkeel.prototype.ageing import stress_add
from wattkeel.prototype.battery import battery_alone, battery_renew, battery_step, hottest
from wattkeel.prototype.control import control_step, measured_load
from wattkeel.prototype.converter import converter_dc, converter_response, converter_settle
from wattkeel.prototype.cooling import cooling_step
from wattkeel.prototype.distribution import distribution_step, ride_signals
from wattkeel.prototype.frequency import frequency_window, load_shedding
from wattkeel.prototype.gpu import gpu_power
from wattkeel.prototype.grid import grid_events, grid_step
from wattkeel.prototype.layout import RIDE_SIGNALS
from wattkeel.prototype.network import capacitor_step, tap_step
from wattkeel.prototype.rack import rack_load, rack_psu, rack_store
from wattkeel.prototype.supercapacitor import supercapacitor_step
from wattkeel.prototype.support import support_step
from wattkeel.prototype.transformer import transformer_step
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
def distribution_run(
    ticks, n, p, s, ride, ride_state, chain, chain_state, voltage_pu, frequency_pu, load_w, input_w, loss_w,
    bus_w, changed, stored_w, ride_signal, ride_mode,
):  # fmt: skip
    """A distribution tree of ``n`` nodes under a given voltage and frequency of the site bus.

    Shapes: ``stored_w`` (ticks, chains); ``ride_mode`` (ticks, rides), ``ride_signal`` (ticks, rides times
    RIDE_SIGNALS).
    """
    for t in range(ticks):
        bus_w[t] = distribution_step(
            n, p, s, ride, ride_state, chain, chain_state, t, voltage_pu[t], frequency_pu[t], load_w[t],
            input_w[t], loss_w[t], changed[t],
        )  # fmt: skip
        for c in range(chain.shape[0]):
            stored_w[t, c] = chain_state[c].stored_w
        for r in range(ride.shape[0]):
            ride_signals(ride_state[r], ride_signal[t], RIDE_SIGNALS * r)
            ride_mode[t, r] = ride_state[r].mode


@kernel
def cooling_run(ticks, p, s, it_w, power_w):
    """Cooling power for given IT power."""
    for t in range(ticks):
        power_w[t] = cooling_step(p, s, it_w[t])


@kernel
def converter_run(
    ticks, p, s, ring, table, command_w, command_var, voltage_pu, power_w, reactive_var, dc_w, limited
):
    """A converter in front of a store that can do all, at a given voltage."""
    for t in range(ticks):
        s.command_w = command_w[t]
        s.reactive_var = command_var[t]
        power_w[t] = converter_response(p, s, ring, voltage_pu[t])
        reactive_var[t] = converter_settle(p, s, power_w[t])
        dc_w[t] = converter_dc(p, table, power_w[t], reactive_var[t])
        limited[t] = s.curbed


@kernel
def battery_run(
    ticks, every, p, s, c, mode, cell, table, counted, q, w, counter, log, command,
    power_w, cell_power_w, loss_w, stored_w, current_a, voltage_v, end_voltage_v, soc, temperature_k,
    auxiliary_w, limited,
):  # fmt: skip
    """A unit of battery strings under commanded power, current or voltage.

    Each row of the outputs is ``every`` ticks: means of powers, current and voltage, last values of the end
    voltage, SoC and the hottest temperature, and the ticks in which a limit was met. Where ``counted`` is 1,
    stress is counted at the end of every renewal period.
    """
    share = 1.0 / every
    period_s = p.refresh_tick * p.dt_s
    for row in range(ticks // every):
        means = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        met = 0
        end = 0.0
        last = 0.0
        climate = 0.0
        for t in range(row * every, row * every + every):
            got, inner, heat, stored, current, voltage, end, last, at_limit = battery_step(
                p, s, c, mode, cell, table, command[t]
            )
            means = (
                means[0] + got, means[1] + inner, means[2] + heat,
                means[3] + stored, means[4] + current, means[5] + voltage,
            )  # fmt: skip
            climate += s.auxiliary_w
            met += at_limit
            if counted == 1 and s.held_tick == p.refresh_tick:
                stress_add(q, w, counter, log, cell[CELL_SOC, 0], cell[CELL_TEMPERATURE_K, 0], period_s)
        power_w[row] = means[0] * share
        cell_power_w[row] = means[1] * share
        loss_w[row] = means[2] * share
        stored_w[row] = means[3] * share
        current_a[row] = means[4] * share
        voltage_v[row] = means[5] * share
        end_voltage_v[row] = end
        soc[row] = last
        temperature_k[row] = hottest(p.groups, cell)
        auxiliary_w[row] = climate * share
        limited[row] = met


@kernel
def batteries_run(
    ticks, every, n, p, s, c, mode, cell, table, command,
    power_w, cell_power_w, loss_w, stored_w, current_a, voltage_v, end_voltage_v, soc, temperature_k, limited,
):  # fmt: skip
    """``n`` batteries of equal cells, each under its own command; arrays are ticks x n, else as above."""
    share = 1.0 / every
    for row in range(ticks // every):
        sums = (power_w[row], cell_power_w[row], loss_w[row], stored_w[row], current_a[row], voltage_v[row])
        for array in (*sums, limited[row]):
            array[:] = 0.0
        for t in range(row * every, row * every + every):
            battery_renew(n, p, s, c, cell, table)
            for i in range(n):
                flow = battery_alone(p, mode, cell, i, table, command[t, i])
                for k in range(6):
                    sums[k][i] += flow[k]
                end_voltage_v[row, i] = flow[6]
                limited[row, i] += flow[7]
        for i in range(n):
            for k in range(6):
                sums[k][i] *= share
            soc[row, i] = cell[CELL_SOC, i]
            temperature_k[row, i] = cell[CELL_TEMPERATURE_K, i]


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
    ticks, p, s, tap, tap_state, bank, bank_state, event, stage, stage_state, ring, dt_s, load_w, load_var,
    power_w, reactive_var, voltage_pu, bus_voltage_pu, frequency_hz, rocof_hz_per_s, unserved_w, loss_w,
    response_w, nose_loading_pu, rocof_window_hz_per_s, remote_frequency_hz, shed_w, site_shed_w,
    tap_position, bank_steps,
):  # fmt: skip
    """The way from the source to the site bus for a given load of the bus, frequency and load shedding."""
    for t in range(ticks):
        s.phase_jump_rad = 0.0
        if t >= s.next_change_tick:
            grid_events(p, s, event, t)
        capacitor_pu = bank.step_pu * bank_state.in_use
        tripped = s.shed_share * load_w[t]
        left = load_w[t] - tripped
        var = load_var[t] - s.shed_share * load_var[t]
        power_w[t], reactive_var[t], loss_w[t], unserved_w[t], rocof_hz_per_s[t], _ = grid_step(
            p, s, dt_s, tap_state.ratio, capacitor_pu, left, left, var, 0.0
        )
        frequency_window(p, s, ring)
        rocof_window_hz_per_s[t] = s.rocof_window_hz_per_s
        offset = s.event_frequency_hz + s.playback_frequency_hz
        remote_frequency_hz[t] = p.nominal_frequency_hz * (1.0 + s.remote_frequency_pu) + offset
        shed_w[t] = s.shed_pu * p.system_power_w
        site_shed_w[t] = tripped
        load_shedding(p, s, stage, stage_state)
        tap_position[t] = tap_state.position
        bank_steps[t] = bank_state.in_use
        tap_step(tap, tap_state, s.bus_voltage_pu)
        capacitor_step(bank, bank_state, s.bus_voltage_pu)
        voltage_pu[t] = s.voltage_pu
        bus_voltage_pu[t] = s.bus_voltage_pu
        frequency_hz[t] = s.frequency_hz
        response_w[t] = s.response_w
        nose_loading_pu[t] = s.nose_loading_pu


@kernel
def support_run(ticks, p, s, frequency_hz, phase_jump_rad, voltage_pu, power_w, reactive_var, change):
    """Grid support of a unit for given frequency, jumps of phase, and voltage."""
    for t in range(ticks):
        power_w[t], reactive_var[t], change[t] = support_step(
            p, s, frequency_hz[t], phase_jump_rad[t], voltage_pu[t]
        )


@kernel
def transformer_run(
    ticks, p, z, source_pu, load_w, load_var, power_w, reactive_var, loss_w, voltage_pu, share
):
    """A transformer under a given load."""
    for t in range(ticks):
        power_w[t], reactive_var[t], loss_w[t], voltage_pu[t], share[t] = transformer_step(
            p, z, source_pu[t], load_w[t], load_var[t]
        )
