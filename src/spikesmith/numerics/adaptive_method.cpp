// Adaptive Runge-Kutta inside each dt: the derivative as code of its own, run by the interpreter's or the kernel's step-size loop.
// Stimulus, parameters and refractoriness keep their values of the step; time and states move.
#include "spikesmith/numerics/step_context.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {

NextStates adaptive_step(StepContext& context, AdaptiveSolve::Tableau tableau) {
    const Model& model = context.model();
    ProgramBuilder& outer = context.builder();
    const Moment start = context.start();
    Lowering at_start = context.at(start);
    AdaptiveSolve solve{.tableau = tableau,
                        .relative_error = context.options().relative_error,
                        .max_steps = context.options().max_adaptive_steps};

    ProgramBuilder inner(solve.code);
    const auto imported = [&](ValueId value) { return inner.outer(value, outer.at(value)); };
    Lowering lowering(inner, [&](Lowering&, const std::string& symbol) {
        for (std::size_t s = 0; s < model.states.size(); ++s) {
            if (model.states[s].name == symbol)
                return inner.source(Source::solver_state, static_cast<std::int32_t>(s), Stage::step);
        }
        if (symbol == "t") return inner.source(Source::solver_time, 0, Stage::step);
        return imported(at_start.value(Expression::symbol(symbol)));
    });
    for (std::size_t s = 0; s < model.states.size(); ++s) {
        const auto& dimension = model.states[s].dimension;
        const bool plain = dimension.dimensionless() || dimension == dimensions::volt;
        solve.absolute_errors.push_back(context.options().absolute_error * (plain ? 1.0 : 1e-9));
        solve.states.push_back(static_cast<std::int32_t>(s));
        solve.start.push_back(start.states[s]);
        const ValueId rate = lowering.value(context.derivatives()[s]);
        const ValueId active = context.active(s);
        solve.derivative.push_back(active == no_value ? rate : inner.select(imported(active), rate, inner.number(0)));
    }
    if (model.threshold && !has_random(model.inlined(*model.threshold))) {
        ValueId past = lowering.value(stabilise(model.inlined(*model.threshold)));
        if (inner.at(past).type != ProgramType::boolean) past = inner.apply(Op::not_equal, past, inner.number(0));
        if (context.not_refractory != no_value) past = inner.logical_and(past, imported(context.not_refractory));
        solve.threshold = past;
    }
    context.program().adaptive = std::move(solve);
    NextStates next;
    for (std::size_t s = 0; s < model.states.size(); ++s) {
        next.push_back(outer.source(Source::adaptive, static_cast<std::int32_t>(s), Stage::step));
    }
    return next;
}

}  // namespace spikesmith
