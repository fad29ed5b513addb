// Tangents are the derivatives of the simulated trajectory: against finite differences in extended precision, before and after
// spikes, and against closed forms.
#include "spikesmith/numerics/tangents.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/extended_run.hpp"
#include "numerics/gradient_models.hpp"
#include "numerics/small_models.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/online_error.hpp"

namespace spikesmith {
namespace {

using test::Extended;
using test::GradientModel;
using testing::HasSubstr;

// States after each step, by the interpreter in double precision, and the lengths of the steps that an adaptive method took in them.
struct InterpretedRun {
    std::vector<std::vector<double>> states;
    std::vector<test::Lengths> lengths;
};

InterpretedRun interpreted_run(const UpdateProgram& program, const std::vector<double>& parameters,
                               const std::vector<std::vector<double>>& rows) {
    Interpreter interpreter(program);
    interpreter.start(parameters, rows[0], {});
    InterpretedRun run;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        interpreter.step(static_cast<std::int64_t>(k), rows[k]);
        run.states.emplace_back(interpreter.states().begin(), interpreter.states().end());
        run.lengths.emplace_back(interpreter.solver_lengths().begin(), interpreter.solver_lengths().end());
    }
    return run;
}

// Fourth-order central difference of all states over time, at the step lengths `held` of adaptive methods. Checks that no spike moves.
std::vector<std::vector<Extended>> finite_difference(const UpdateProgram& program, std::size_t parameter,
                                                     const std::vector<double>& values,
                                                     const std::vector<std::vector<double>>& rows,
                                                     const std::vector<test::Lengths>* held, double shift) {
    const Extended h = static_cast<Extended>(values[parameter]) * static_cast<Extended>(shift);
    const auto shifted = [&](int multiple) {
        std::vector<Extended> moved(values.begin(), values.end());
        moved[parameter] += static_cast<Extended>(multiple) * h;
        return test::extended_run(program, static_cast<std::int64_t>(rows.size()), moved, rows, held);
    };
    const auto far_below = shifted(-2), below = shifted(-1), above = shifted(1), far_above = shifted(2);
    EXPECT_EQ(far_below.spikes, far_above.spikes) << "a spike moves: choose other parameters";
    auto out = above.states;
    for (std::size_t k = 0; k < out.size(); ++k) {
        for (std::size_t s = 0; s < out[k].size(); ++s) {
            out[k][s] =
                (8 * (above.states[k][s] - below.states[k][s]) - (far_above.states[k][s] - far_below.states[k][s])) /
                (12 * h);
        }
    }
    return out;
}

// Noise that the oracle knows: the normal numbers become time inputs.
UpdateProgram without_random(UpdateProgram program, std::vector<std::vector<double>>& rows) {
    for (Instruction& i : program.step) {
        if (i.source != Source::operation || i.op != Op::normal) continue;
        const std::int32_t site = i.index;
        i = {.source = Source::time_input,
             .stage = Stage::time,
             .index = static_cast<std::int32_t>(program.time_inputs.size())};
        program.time_inputs.push_back({.kind = TimeInput::Kind::input, .name = fmt::format("noise {}", site)});
        for (std::size_t k = 0; k < rows.size(); ++k)
            rows[k].push_back(static_cast<double>(test::extended::fixed_normal(static_cast<std::int64_t>(k), site)));
    }
    return program;
}

// The rows of `program` as another program of the same inputs numbers them.
std::vector<std::vector<double>> rows_for(const UpdateProgram& other, const UpdateProgram& program,
                                          const std::vector<std::vector<double>>& rows) {
    std::vector<std::vector<double>> out(rows.size());
    for (const TimeInput& input : other.time_inputs) {
        const auto it = std::find_if(program.time_inputs.begin(), program.time_inputs.end(), [&](const TimeInput& t) {
            return t.name == input.name && t.offset == input.offset;
        });
        for (std::size_t k = 0; k < rows.size(); ++k)
            out[k].push_back(rows[k][static_cast<std::size_t>(it - program.time_inputs.begin())]);
    }
    return out;
}

UpdateProgram program_with_tolerance(const GradientModel& model, const std::string& method, double tolerance) {
    return integrate(parse_brian(model.text), {.method = method,
                                               .dt = model.dt,
                                               .parameters = test::parameter_names(model),
                                               .absolute_error = tolerance,
                                               .relative_error = tolerance,
                                               .max_adaptive_steps = 2000});
}

// Those of the model, and for models without noise Milstein's and all adaptive ones.
std::vector<std::string> methods_of(const GradientModel& model) {
    std::vector<std::string> methods = model.methods;
    if (std::ranges::find(methods, "rk4") == methods.end()) return methods;
    for (const char* name : {"milstein", "gsl_rkf45", "gsl_rk2", "gsl_rk4", "gsl_rkck", "gsl_rk8pd"})
        methods.emplace_back(name);
    return methods;
}

class TangentsOfModels : public testing::TestWithParam<std::size_t> {};

TEST_P(TangentsOfModels, AreFiniteDifferencesInExtendedPrecision) {
    const GradientModel model = test::gradient_models()[GetParam()];
    const auto values = test::parameter_values(model);
    for (const auto& method : methods_of(model)) {
        SCOPED_TRACE(method);
        auto program = program_with_tolerance(model, method, model.tolerance);
        auto rows = test::stimulus_rows(model, program);
        program = without_random(program, rows);
        const auto tangents = with_tangents(program, {.parameters = program.parameters});
        ASSERT_FALSE(tangents.tangents.empty());
        const auto tangent_rows = rows_for(tangents, program, rows);
        const auto [states, lengths] = interpreted_run(tangents, values, tangent_rows);
        const std::vector<test::Lengths>* held = program.adaptive ? &lengths : nullptr;
        const auto exact =
            test::extended_run(tangents, model.n_steps, {values.begin(), values.end()}, tangent_rows, held);
        const auto& spikes = exact.spikes;
        if (method == "gsl_rk2") {
            std::size_t solver_steps = 0;
            for (const auto& list : lengths) solver_steps += list.size();
            EXPECT_GT(solver_steps, rows.size()) << "choose a tolerance that makes it adapt";
        }
        if (model.spikes) {
            EXPECT_GE(spikes.size(), 2U);
            ASSERT_LT(spikes.back(), model.n_steps - 5) << "the last spike must leave steps to compare";
        }
        for (std::size_t p = 0; p < program.parameters.size(); ++p) {
            SCOPED_TRACE(program.parameters[p]);
            const auto expected = finite_difference(program, p, values, rows, held, model.shift);
            for (std::size_t s = 0; s < program.states.size(); ++s) {
                const auto found =
                    std::find_if(tangents.tangents.begin(), tangents.tangents.end(), [&](const StateTangent& t) {
                        return t.state == static_cast<std::int32_t>(s) && t.parameter == static_cast<std::int32_t>(p);
                    });
                Extended largest = 0;
                for (const auto& row : expected) largest = std::max(largest, std::fabs(row[s]));
                if (found == tangents.tangents.end()) {
                    EXPECT_EQ(largest, 0) << program.states[s].name << " has no tangent";
                    continue;
                }
                EXPECT_GT(largest, 0) << program.states[s].name;
                const auto tangent = static_cast<std::size_t>(found->tangent);
                const auto worst = [&](const auto& trace, Extended small) {
                    Extended out = 0;
                    for (std::size_t k = 0; k < expected.size(); ++k) {
                        const Extended size = std::fabs(expected[k][s]) + small * largest;
                        const Extended difference = std::fabs(trace[k][tangent] - expected[k][s]) / size;
                        out = difference > out || std::isnan(difference) ? difference : out;
                    }
                    return out;
                };
                // the program itself is right, and double precision is enough for it
                EXPECT_LT(worst(exact.states, 1e-5L), 1e-6) << program.states[s].name;
                EXPECT_LT(worst(states, 1e-5L), 1e-6) << program.states[s].name;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Gradients, TangentsOfModels, testing::Range(std::size_t{0}, test::gradient_models().size()),
                         [](const auto& instance) {
                             std::string name = test::gradient_models()[instance.param].name;
                             std::replace_if(
                                 name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                             return name;
                         });

const ProgramState& state_named(const UpdateProgram& program, const std::string& name) {
    return program.states[static_cast<std::size_t>(program.find_state(name).value())];
}

// dx/dt = -x/tau + c by the exact method: x_k = c*tau + (x_0 - c*tau)*exp(-k*dt/tau) and its derivatives.
TEST(Tangents, OfALinearModelAreTheirClosedForms) {
    auto model =
        test::model_of({{"x", test::symbol("c") - test::symbol("x") / test::symbol("tau")}}, {2}, {"c", "tau"});
    model.initial_values[0].value = test::symbol("c") * test::symbol("c");
    const double c = 1.3, tau = 0.7, dt = 0.01;
    const auto program = integrate(model, {.method = "exact", .dt = dt, .outputs = {"x"}});
    const auto tangents = with_tangents(program, {.parameters = {"tau", "c"}, .outputs = true});
    ASSERT_EQ(tangents.outputs.size(), 3U);
    EXPECT_EQ(tangents.outputs[1].name, "S_x_tau");
    EXPECT_EQ(tangents.outputs[2].name, "S_x_c");
    const auto outputs = test::run(tangents, 300, {c, tau}).outputs;
    const auto plain = test::run(program, 300, {c, tau}).outputs;
    for (int k = 0; k < 300; ++k) {
        const auto& row = outputs[static_cast<std::size_t>(k)];
        const double t = k * dt, e = std::exp(-t / tau);
        EXPECT_EQ(row[0], plain[static_cast<std::size_t>(k)][0]) << "the program's own numbers change";
        EXPECT_NEAR(row[0], c * tau + (c * c - c * tau) * e, 1e-13);
        EXPECT_NEAR(row[1], c - c * e + (c * c - c * tau) * e * t / (tau * tau), 1e-13);
        EXPECT_NEAR(row[2], tau + (2 * c - tau) * e, 1e-13);
    }
}

// A coupled pair with a defective matrix: [[-a, b], [0, -a]].
TEST(Tangents, OfMatrixExponentialsAreTheirClosedForms) {
    const auto x = test::symbol("x"), y = test::symbol("y"), a = test::symbol("a"), b = test::symbol("b");
    const auto model = test::model_of({{"x", -(a * x) + b * y}, {"y", -(a * y)}}, {0.5, 2}, {"a", "b"});
    const double dt = 0.02;
    const auto program = integrate(model, {.method = "exact", .dt = dt, .outputs = {"x"}});
    ASSERT_FALSE(program.matrix_exponentials.empty());
    const auto outputs =
        test::run(with_tangents(program, {.parameters = {"a", "b"}, .outputs = true}), 200, {1.1, 0.6}).outputs;
    for (int k = 0; k < 200; ++k) {
        const double t = k * dt, e = std::exp(-1.1 * t);
        const auto& row = outputs[static_cast<std::size_t>(k)];
        EXPECT_NEAR(row[0], (0.5 + 2 * 0.6 * t) * e, 1e-13);
        EXPECT_NEAR(row[1], -t * (0.5 + 2 * 0.6 * t) * e, 1e-13);
        EXPECT_NEAR(row[2], 2 * t * e, 1e-13);
    }
}

// HH by an adaptive method that rejects steps, in extended precision.
class AdaptiveRuns {
  public:
    AdaptiveRuns(const std::string& method, double tolerance, double dt, int n_steps)
        : model_(test::hodgkin_huxley_gradients()) {
        model_.dt = dt;
        model_.n_steps = n_steps;
        program_ = program_with_tolerance(model_, method, tolerance);
        rows_ = test::stimulus_rows(model_, program_);
        for (const double value : test::parameter_values(model_)) values_.push_back(value);
    }
    // With the first parameter, g_na, changed by this share.
    [[nodiscard]] test::ExtendedRun run(Extended share) const {
        auto moved = values_;
        moved[0] *= 1 + share;
        return test::extended_run(program_, model_.n_steps, moved, rows_);
    }
    // Largest difference between d v/d g_na by tangents and by differences that leave the step lengths free, relative to the largest.
    [[nodiscard]] Extended share_of_step_control() const {
        const auto tangents = with_tangents(program_, {.parameters = {"g_na"}});
        const auto exact = test::extended_run(tangents, model_.n_steps, values_, rows_);
        EXPECT_GT(exact.rejected, 10U);
        const Extended h = Extended(1e-9);  // wider differences reach across jumps of the step control
        const auto a = run(-2 * h), b = run(-h), c = run(h), d = run(2 * h);
        EXPECT_EQ(a.rejected, d.rejected);
        Extended largest = 0, worst = 0;
        for (std::size_t k = 0; k < a.states.size(); ++k) {
            const auto v = [&](const test::ExtendedRun& run) { return run.states[k][0]; };
            const Extended slope = (8 * (v(c) - v(b)) - (v(d) - v(a))) / (12 * h * values_[0]);
            largest = std::max(largest, std::fabs(slope));
            worst = std::max(worst, std::fabs(slope - exact.states[k][program_.states.size()]));
        }
        return worst / largest;
    }

  private:
    GradientModel model_;
    UpdateProgram program_;
    std::vector<std::vector<double>> rows_;
    std::vector<Extended> values_;
};

// Tangents hold the step lengths. The simulation does not: its lengths follow from the errors, so differences of it see them change.
// What tangents leave out is of the order of the truncation error, and vanishes with the tolerance.
TEST(Tangents, OfAdaptiveMethodsLeaveOutTheStepControl) {
    for (const std::string method : {"gsl_rk2", "gsl_rkf45", "gsl_rkck", "gsl_rk4", "gsl_rk8pd"}) {
        SCOPED_TRACE(method);
        const auto left_out = [&](double tolerance) {
            return AdaptiveRuns(method, tolerance, 1e-4, 150).share_of_step_control();
        };
        const Extended loose = left_out(1e-6), medium = left_out(1e-8), tight = left_out(1e-10);
        EXPECT_GT(loose, 1e-6L);
        EXPECT_LT(loose, 3e-4L);
        EXPECT_LT(medium, loose / 20);
        EXPECT_LT(tight, medium / 5);
    }
    const auto model = test::hodgkin_huxley_gradients();
    EXPECT_THAT(differentiability(program_with_tolerance(model, "gsl_rk2", 1e-6), "g_na").reason,
                HasSubstr("adaptive"));
}

// So they converge to the derivative of the exact solution: x = 1/(1 + 9*exp(-r*t)) of dx/dt = r*x*(1 - x) by r.
TEST(Tangents, OfAdaptiveMethodsConvergeToTheDerivativeOfTheSolution) {
    const auto x = test::symbol("x"), r = test::symbol("r");
    const auto model = test::model_of({{"x", r * x * (1.0 - x)}}, {0.1}, {"r"});
    for (const std::string method : {"gsl_rk2", "gsl_rkf45", "gsl_rkck", "gsl_rk4", "gsl_rk8pd"}) {
        for (const double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
            const auto program = integrate(model, {.method = method,
                                                   .dt = 1,
                                                   .outputs = {"x"},
                                                   .absolute_error = tolerance,
                                                   .relative_error = tolerance,
                                                   .max_adaptive_steps = 5000});
            const auto tangents = with_tangents(program, {.parameters = {"r"}, .outputs = true});
            const auto outputs = test::run(tangents, 8, {1.3}).outputs;
            for (std::size_t k = 0; k < outputs.size(); ++k) {
                const double t = static_cast<double>(k), e = 9 * std::exp(-1.3 * t);
                EXPECT_NEAR(outputs[k][1], t * e / ((1 + e) * (1 + e)), 100 * tolerance) << method << " " << tolerance;
            }
        }
    }
}

// Where a step is accepted for one value of a parameter and rejected for the next, the simulation jumps and has no derivative. The jump
// is of the size of the tolerance.
TEST(Tangents, OfAdaptiveMethodsExistBetweenJumpsOfTheStepControl) {
    const double tolerance = 1e-6;
    const AdaptiveRuns runs("gsl_rk2", tolerance, 1e-5, 1000);
    Extended low = 0, high = 0;
    const std::size_t rejected = runs.run(0).rejected;
    while (runs.run(high).rejected == rejected) {
        low = high;
        high += Extended(1e-3);
        ASSERT_LT(high, 0.1L) << "the number of rejected steps never changes";
    }
    for (int k = 0; k < 45; ++k) {
        const Extended middle = (low + high) / 2;
        (runs.run(middle).rejected == rejected ? low : high) = middle;
    }
    const auto before = runs.run(low), after = runs.run(high);
    Extended jump = 0;
    for (std::size_t k = 0; k < before.states.size(); ++k)
        jump = std::max(jump, std::fabs(after.states[k][0] - before.states[k][0]));
    EXPECT_GT(jump, 1e-4L * tolerance);  // the parameter changes by 1e-16
    EXPECT_LT(jump, 100 * tolerance);
}

// Only what the parameter reaches has a tangent, through any number of variables; of those only what is asked for.
TEST(Tangents, ThatStayZeroHaveNoState) {
    const auto x = test::symbol("x"), y = test::symbol("y"), z = test::symbol("z"), p = test::symbol("p"),
               q = test::symbol("q");
    const auto model = test::model_of({{"x", -x}, {"y", x - y * p}, {"z", y - z + q}}, {1, 1, 1}, {"p", "q"});
    const auto program = integrate(model, {.method = "rk4", .dt = 0.1, .outputs = {"y"}});
    const auto names = [](const UpdateProgram& made) {
        std::vector<std::string> out;
        for (const auto& t : made.tangents) out.push_back(made.states[static_cast<std::size_t>(t.tangent)].name);
        return out;
    };
    EXPECT_THAT(names(with_tangents(program, {.parameters = {"p", "q"}})),
                testing::ElementsAre("@S_y_p", "@S_z_p", "@S_z_q"));
    const auto needed = with_tangents(program, {.parameters = {"p", "q"}, .states = false, .outputs = true});
    EXPECT_THAT(names(needed), testing::ElementsAre("@S_y_p"));
    EXPECT_EQ(test::run(needed, 5, {1, 1}).outputs[4][2], 0) << "S_y_q";
}

TEST(Tangents, HaveTheUnitsOfAQuotient) {
    const auto model = test::hodgkin_huxley_gradients();
    const auto tangents = with_tangents(test::program_of(model, "euler"), {.parameters = {"g_na", "VT"}});
    EXPECT_EQ(state_named(tangents, "@S_v_g_na").dimension, dimensions::volt / dimensions::siemens);
    EXPECT_TRUE(state_named(tangents, "@S_v_VT").dimension.dimensionless());
}

// An infinite derivative in the branch that is not taken does no harm.
TEST(Tangents, IgnoreBranchesThatWereNotTaken) {
    const auto x = test::symbol("x"), p = test::symbol("p");
    const auto root = apply(Op::sqrt, x * p);  // of 0, and of negative numbers
    const auto derivative = apply(Op::select, apply(Op::greater, x, 0.0), root, p * p);
    for (const double initial : {0.0, -1.0}) {
        const auto program =
            integrate(test::model_of({{"x", derivative}}, {initial}, {"p"}), {.method = "euler", .dt = 0.5});
        const auto tangents = with_tangents(program, {.parameters = {"p"}});
        EXPECT_EQ(test::run(tangents, 1, {3}).states[1], 3);
    }
}

TEST(Differentiability, SaysWhatADerivativeDoesNotSee) {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (E - v)/tau + poisson(rate)*w/tau: 1 (unless refractory)\nE : 1 (constant)\ntau : second (constant)\n"
        "theta : 1 (constant)\nperiod : second (constant)\nrate : 1 (constant)\nw : 1 (constant)\nunused : 1 "
        "(constant)\n";
    text.threshold = "v > theta";
    text.reset = "v = 0.2*E";
    text.refractory = "period";
    const auto program = integrate(parse_brian(text), {.method = "euler", .dt = 1e-4, .outputs = {"v"}});
    EXPECT_TRUE(differentiability(program, "E").differentiable);
    EXPECT_THAT(differentiability(program, "E").reason, HasSubstr("spike moves"));
    for (const std::string name : {"theta", "period"}) {
        EXPECT_FALSE(differentiability(program, name).differentiable) << name;
        EXPECT_THAT(differentiability(program, name).reason, HasSubstr("conditions or rounding"));
        EXPECT_THROW((void)with_tangents(program, {.parameters = {name}}), NumericalError);
    }
    EXPECT_FALSE(differentiability(program, "rate").differentiable);
    EXPECT_THAT(differentiability(program, "rate").reason, HasSubstr("Poisson"));
    EXPECT_TRUE(differentiability(program, "w").differentiable);
    EXPECT_THAT(differentiability(program, "unused").reason, HasSubstr("nothing depends"));
    EXPECT_THROW((void)differentiability(program, "thetas"), ModelError);
    EXPECT_EQ(differentiability(test::program_of(test::hodgkin_huxley_gradients(), "rk4"), "gl").reason, "");
    EXPECT_THAT(differentiability(program, "E").reason, testing::Not(HasSubstr("condition")));
    for (const std::string term : {"int(v > 0.3)", "where(v > 0.3, 2*v, 1)", "floor(3*v)", "v % 0.5"}) {
        text.equations.text = "dv/dt = (E + " + term + " - v)/(10*ms) : 1 (unless refractory)\nE : 1 (constant)\n";
        text.threshold = "v > 0.9";
        text.refractory = "2*ms";
        for (const std::string method : {"euler", "gsl"}) {
            const auto made = integrate(parse_brian(text), {.method = method, .dt = 1e-4, .outputs = {"v"}});
            EXPECT_THAT(differentiability(made, "E").reason, HasSubstr("condition or a rounding in the equations"))
                << term << ", " << method;
        }
    }
}

}  // namespace
}  // namespace spikesmith
