// UpdateProgram: one time step of a model under one integration method, as data.
//
// A program is straight-line code in single-assignment form. Each value has a stage: how often it must be computed. A
// kernel compiles the program, the interpreter (`interpreter.hpp`) walks it; both compute the same operations in the same
// order with the same elementary functions (`math`), so they agree to the last bit.
//
// One step k, time t = k*dt:
//   1. outputs are read from the states before the step (sample k);
//   2. every state gets its next value: integration, threshold, refractoriness and reset are all inside `State::next`;
//   3. `spike` tells whether the lane spiked in this step.
// Hidden states (names starting with `@`) hold what must survive a step: refractoriness, time of the last spike, online errors.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

using ValueId = std::int32_t;
inline constexpr ValueId no_value = -1;

// How often a value changes, in increasing order. The stage of an operation is the highest stage of its arguments; but what depends
// on a parameter set and on time changes with both: Stage::step (see `joined`).
enum class Stage : std::uint8_t {
    constant,   // never: folded when the program is built
    parameter,  // once per lane (parameter set)
    time,       // once per step, the same for all lanes: stimulus, target, time
    step,       // once per step and lane
};

[[nodiscard]] constexpr Stage joined(Stage a, Stage b) {
    const bool both = (a == Stage::parameter && b == Stage::time) || (a == Stage::time && b == Stage::parameter);
    return both ? Stage::step : a < b ? b : a;
}

// What an instruction does: an elementary operation (`Op`), or one of these sources.
enum class Source : std::uint8_t {
    operation,           // Op on the arguments; Op::number is a constant; random Ops use `index` as site
    fused,               // fma: a*b + c with one rounding
    parameter,           // parameter number `index` of the lane
    state,               // state number `index` before the step
    time_input,          // time series number `index` at this step (a scalar, the same for all lanes)
    time,                // (k + number)*dt in seconds: number is 0, 0.5 or 1
    step_index,          // k
    lane_index,          // sample * n_traces + trace
    lane_count,          // n_samples * n_traces
    iteration,           // round of the fit
    matrix_exponential,  // entry `index` (row-major) of exp(A), A = matrix_exponentials[call]; args[0] = call
    adaptive,            // state `index` (of adaptive->states) after the adaptive solution of this step
    recorded,            // value `index` of what another program recorded at this step: see UpdateProgram::n_recorded
    // only inside AdaptiveSolve::code
    outer,         // value args[0] of the step's code
    solver_state,  // current state `index` of the solver
    solver_time,   // current time of the solver in seconds
};

enum class ProgramType : std::uint8_t { real, boolean };

struct Instruction {
    Source source = Source::operation;
    Op op = Op::number;
    ProgramType type = ProgramType::real;
    Stage stage = Stage::constant;
    std::array<ValueId, 3> args{no_value, no_value, no_value};
    double number = 0;
    std::int32_t index = 0;
};

// Values in order of computation: an instruction uses earlier ones only.
using Code = std::vector<Instruction>;

struct ProgramState {
    std::string name;
    Dimension dimension;
    ValueId next = no_value;     // in `step`
    ValueId initial = no_value;  // in `init`
};

// A scalar per step that is the same for all lanes, read from data that the caller supplies.
struct TimeInput {
    enum class Kind { input, target, weight } kind = Kind::input;
    std::string name;   // of the input, or of the output
    double offset = 0;  // read at time (k + offset)*dt
};

struct ProgramOutput {
    std::string name;
    Dimension dimension;
    ValueId value = no_value;  // in `step`
};

// n x n matrix whose exponential some instructions read. Its stage is that of its highest entry, never more than needed.
struct MatrixExponential {
    std::int32_t n = 0;
    std::vector<ValueId> entries;  // row-major
};

// Adaptive embedded Runge-Kutta over one dt, for each lane on its own.
//
// The exact solution may become infinite before the dt ends, when it is past the threshold (exponential and quadratic
// integrate-and-fire): then its steps become ever shorter, and the result is the solution where it passed the threshold.
struct AdaptiveSolve {
    enum class Tableau {
        fehlberg45,
        cash_karp45,
        bogacki_shampine23,
        dormand_prince54,
        dormand_prince87
    } tableau = Tableau::dormand_prince54;
    double relative_error = 1e-6;
    std::vector<double>
        absolute_errors;               // per state, SI; states beyond these (tangents) have no say in the step length
    std::int32_t max_steps = 100;      // per dt; a lane that needs more gets NaN
    Code code;                         // derivative as a function of solver_state, solver_time and outer values
    std::vector<std::int32_t> states;  // state numbers
    std::vector<ValueId> start;        // values at the start, in `step` code
    std::vector<ValueId> derivative;   // per state, in `code`
    ValueId threshold = no_value;      // boolean, in `code`; no_value: none
};

enum class Loss : std::uint8_t { squared, soft_l1, huber, cauchy };

// What an online error measures: see `online_error.hpp`.
struct OnlineError {
    std::string output;
    std::string name{};  // of the error and of its series of weights; empty: that of the output
    Loss loss = Loss::squared;
    double scale = 1;  // > 0, in the unit of the output; of no effect on squares
};

// Derivative of a state by a parameter, itself a hidden state: see `tangents.hpp`.
struct StateTangent {
    std::int32_t state = 0;
    std::int32_t parameter = 0;
    std::int32_t tangent = 0;  // state number of the derivative
};

// Sums over steps that Gauss-Newton methods need, as hidden states: see `tangents.hpp`. State numbers; -1 where the sum is always zero.
struct NormalEquations {
    std::vector<std::int32_t> parameters;    // numbers of the p parameters
    std::vector<std::int32_t> gradient;      // p: half the derivative of the sum of all online errors
    std::vector<std::int32_t> gauss_newton;  // p*(p + 1)/2: lower triangle by rows of the Gauss-Newton matrix
};

struct UpdateProgram {
    std::string method;                   // "exponential_euler", ...
    std::vector<std::string> notes;       // what the method decided, for `spikesmith check`
    double dt = 0;                        // seconds
    std::vector<std::string> parameters;  // in the order of the parameter arrays
    std::vector<Dimension> parameter_dimensions;
    std::vector<ProgramState> states;
    std::vector<TimeInput> time_inputs;
    std::vector<ProgramOutput> outputs;
    std::vector<MatrixExponential> matrix_exponentials;
    std::optional<AdaptiveSolve> adaptive;
    Code init;  // initial values; reads parameters, time inputs at step 0, iteration, random draws
    Code step;
    ValueId spike = no_value;                 // in `step`, boolean; no_value without threshold
    std::vector<std::int32_t> online_errors;  // state numbers of the accumulated errors, one per observed output
    std::vector<OnlineError> observed;        // what each of them measures
    std::vector<StateTangent> tangents;
    std::optional<NormalEquations> normal_equations;
    std::int32_t n_recorded =
        0;  // values per step and lane that the caller supplies for Source::recorded: see `adjoint.hpp`

    [[nodiscard]] std::optional<std::int32_t> find_state(std::string_view name) const;
    [[nodiscard]] std::optional<std::int32_t> find_output(std::string_view name) const;
};

// The program as text, stage by stage.
[[nodiscard]] std::string to_string(const UpdateProgram& program);

}  // namespace spikesmith
