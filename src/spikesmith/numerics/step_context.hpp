// What every integration method is handed: the program under construction, and the values of names at a moment of the step.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/model/model.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {

inline constexpr double never_spiked = -1e4;  // `lastspike` before the first spike, seconds

// A moment inside the step: values of the states, and where in the step the stimulus and the time are read.
struct Moment {
    std::vector<ValueId> states;  // one per state of the model
    double offset = 0;            // time = (k + offset)*dt
};

class StepContext {
  public:
    StepContext(const Model& model, const IntegrationOptions& options, UpdateProgram& program);

    [[nodiscard]] const Model& model() const { return model_; }
    [[nodiscard]] const IntegrationOptions& options() const { return options_; }
    [[nodiscard]] UpdateProgram& program() { return program_; }
    [[nodiscard]] ProgramBuilder& builder() { return builder_; }

    // The states before the step, time at its start.
    [[nodiscard]] Moment start();
    // Lowers expressions at a moment; equal expressions at the same moment are the same value.
    [[nodiscard]] Lowering at(const Moment& moment);
    // Lowers the initial values: into the program's `init` code. `states` are the initial values known so far, by name.
    [[nodiscard]] Lowering at_initialisation(ProgramBuilder& init, const std::map<std::string, ValueId>& states);

    // Derivatives with subexpressions written out and made stable, one per state.
    [[nodiscard]] const std::vector<Expression>& derivatives() const { return derivatives_; }
    // Is the state free to change in this step? no_value: always.
    [[nodiscard]] ValueId active(std::size_t state) const;
    // `changed` where the state may change, else `kept`.
    ValueId if_active(std::size_t state, ValueId changed, ValueId kept);

    // --- set up by `integrate` before the method runs ---
    ValueId not_refractory = no_value;  // of this step; no_value without refractoriness
    std::map<std::string, ValueId>
        bound;  // names with a value of their own: fixed parameters, constants over dt, hidden states
    std::map<std::string, std::int32_t> parameter_index;
    // Hidden or promoted state: its value before the step.
    ValueId add_state(const std::string& state_name, const Dimension& dimension, ValueId initial,
                      ProgramType type = ProgramType::real);

  private:
    // Value of a name that is neither a state nor bound: parameter, input, target, time, ... Subexpressions go through `lowering`.
    ValueId other_name(const std::string& symbol, double offset, Lowering& lowering);
    ValueId time_input(ProgramBuilder& builder, TimeInput::Kind kind, const std::string& input, double offset);

    const Model& model_;
    const IntegrationOptions& options_;
    UpdateProgram& program_;
    ProgramBuilder builder_;
    std::vector<Expression> derivatives_;
};

// One integration method: the values of the model's states after the step.
using NextStates = std::vector<ValueId>;

NextStates euler_step(StepContext& context);
NextStates heun_step(StepContext& context);
NextStates milstein_step(StepContext& context);
NextStates midpoint_step(StepContext& context);  // rk2
NextStates runge_kutta4_step(StepContext& context);
NextStates exponential_euler_step(StepContext& context);
NextStates exact_step(StepContext& context);
NextStates adaptive_step(StepContext& context, AdaptiveSolve::Tableau tableau);
NextStates ordered_step(StepContext& context);  // Model::updates, each by its own method

// Why a method cannot integrate the model; empty if it can.
std::string refusal_exact(const Model& model);
std::string refusal_euler(const Model& model);
std::string refusal_heun(const Model& model);
std::string refusal_milstein(const Model& model);
std::string refusal_deterministic(const Model& model, const std::string& method);

// f + sum_k g_k * xi_k: drift and the coefficient of each noise of the model. Nothing if a noise does not enter linearly.
struct DriftAndNoise {
    Expression drift;
    std::vector<Expression> noise;  // one per model.noise
};
std::optional<DriftAndNoise> separate_noise(const Model& model, const Expression& derivative);

}  // namespace spikesmith
