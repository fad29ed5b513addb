// Refinement by gradients of the error: the adjoint, basin hopping, many parameters, and models with random numbers.
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "fit/problems.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/refine.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"

namespace spikesmith {
namespace {

using test::message_of;
using test::quantity;
using testing::HasSubstr;

FitOptions set_up(std::vector<FitParameter> parameters) {
    return {.parameters = std::move(parameters), .n_rounds = 0};
}

const std::map<std::string, double> hodgkin_huxley_start{{"gl", 12e-9}, {"g_na", 22e-6}, {"g_kd", 6.5e-6}};

TraceFitter hodgkin_huxley_problem() {
    TraceFitter fitter(test::hodgkin_huxley_options());
    (void)fitter.fit(set_up(test::hodgkin_huxley_bounds()));
    return fitter;
}

TEST(RefineGradients, OfTheAdjointAreThoseOfTheTangents) {
    const TraceFitter fitter = hodgkin_huxley_problem();
    Refiner tangents(fitter, {.method = RefineMethod::quasi_newton, .derivatives = Derivatives::exact});
    Refiner adjoint(fitter, {.derivatives = Derivatives::adjoint});
    Array2 points(3, 3, 0.05);
    for (std::size_t k = 0; k < points.values.size(); ++k) points.values[k] += 0.01 * static_cast<double>(k);
    const Refiner::Field expected = tangents.field(points, true);
    const Refiner::Field found = adjoint.field(points, true);
    EXPECT_EQ(found.errors, expected.errors);
    for (std::size_t k = 0; k < points.values.size(); ++k)
        EXPECT_NEAR(found.gradient.values[k], expected.gradient.values[k],
                    1e-9 * std::fabs(expected.gradient.values[k]));
}

TEST(RefineGradients, OfTheAdjointComeToTheOptimumOfTheTutorialsRecording) {
    const TraceFitter fitter = hodgkin_huxley_problem();
    const RefineResult squares = refine(fitter, {.starts = {hodgkin_huxley_start}});
    ASSERT_EQ(squares.method, RefineMethod::least_squares);
    const RefineResult refined =
        refine(fitter, {.starts = {hodgkin_huxley_start}}, {.derivatives = Derivatives::adjoint});
    SCOPED_TRACE(refined.full_report());
    EXPECT_EQ(refined.method, RefineMethod::quasi_newton);
    EXPECT_EQ(refined.derivatives, Derivatives::adjoint);
    EXPECT_THAT(refined.full_report(), HasSubstr("derivatives: adjoint"));
    EXPECT_NEAR(refined.error, squares.error, 1e-9 * squares.error);
    for (std::size_t j = 0; j < 3; ++j) {
        EXPECT_NEAR(refined.parameters[j].value, squares.parameters[j].value, 1e-5 * squares.parameters[j].value);
        // from differences here, from tangents there
        EXPECT_NEAR(refined.statistics.standard_errors[j], squares.statistics.standard_errors[j],
                    1e-3 * squares.statistics.standard_errors[j]);
    }
}

// A membrane driven by pulses of unknown weights, recorded in simulation.
struct Pulses {
    FitterOptions options;
    std::vector<FitParameter> bounds;
    std::map<std::string, double> truth;
    std::map<std::string, double> start;
};

Pulses pulses(int n) {
    std::string text = "dv/dt = (-70*mV - v + 100*Mohm*(0*amp";
    std::string parameters;
    Pulses problem;
    for (int k = 0; k < n; ++k) {
        const std::string name = fmt::format("w{}", k);
        text += fmt::format(" + {}*exp(-((t - {}*ms)/(0.5*ms))**2)", name, k + 1);
        parameters += name + " : amp (constant)\n";
        problem.bounds.push_back({name, quantity("-1 nA"), quantity("1 nA")});
        problem.truth[name] = 0.5e-9 * std::sin(1.3 * k);
        problem.start[name] = 0;
    }
    const Model model = parse_brian({.equations = {"equations", text + "))/(10*ms) : volt\n" + parameters},
                                     .inputs = {},
                                     .initial_values = {{"v", "-70*mV"}}});
    const auto steps = static_cast<std::size_t>(10 * (n + 2));
    problem.options = {
        .model = model,
        .recordings = {.outputs = {{"v", test::one_trace(1e-4, std::vector<double>(steps))}}, .dt = 1e-4},
        .n_samples = 10,
        .method = "exponential_euler"};
    TraceFitter simulator(problem.options);
    auto& recorded = problem.options.recordings.outputs.front().second.values;
    recorded = simulator.generate({.parameters = problem.truth})["v"];
    return problem;
}

TEST(RefineGradients, AreOfTheAdjointForManyParameters) {
    const Pulses problem = pulses(24);
    TraceFitter fitter(problem.options);
    (void)fitter.fit(set_up(problem.bounds));
    const RefineResult refined =
        refine(fitter, {.starts = {problem.start}, .max_iterations = 400}, {.method = RefineMethod::quasi_newton});
    SCOPED_TRACE(refined.full_report());
    EXPECT_EQ(refined.derivatives, Derivatives::adjoint);
    EXPECT_EQ(refined.best().stop, RefineStop::converged);
    for (const FittedParameter& parameter : refined.parameters)
        EXPECT_NEAR(parameter.value, problem.truth.at(parameter.name), 1e-14) << parameter.name;
    // few parameters of the same problem: tangents
    std::vector<FitParameter> some = problem.bounds;
    for (std::size_t j = 4; j < some.size(); ++j)
        some[j] = {.name = some[j].name, .fixed = Quantity{problem.truth.at(some[j].name), dimensions::ampere}};
    const RefineResult few = refine(fitter, {.starts = {{{"w0", 0}, {"w1", 0}, {"w2", 0}, {"w3", 0}}}},
                                    {.parameters = some, .method = RefineMethod::quasi_newton});
    EXPECT_EQ(few.derivatives, Derivatives::exact);
    EXPECT_NEAR(few["w1"], problem.truth.at("w1"), 1e-14);
}

// A sine whose frequency is searched: the error has a minimum every few hertz, and the lowest lies behind several of them.
TEST(RefineGradients, HopFromBasinToBasin) {
    std::vector<double> recorded;
    for (int k = 0; k < 200; ++k) recorded.push_back(std::sin(2 * std::numbers::pi * 20 * 1e-3 * k));
    TraceFitter fitter({.model = parse_brian({.equations = {"equations",
                                                            "v = a*sin(6.283185307179586*f*t) : 1\nf : Hz (constant)\n"
                                                            "a : 1 (constant)"},
                                              .inputs = {}}),
                        .recordings = {.outputs = {{"v", test::one_trace(1e-3, recorded)}}, .dt = 1e-3},
                        .n_samples = 10,
                        .method = "euler"});
    (void)fitter.fit(set_up({{"f", quantity("1 Hz"), quantity("60 Hz")}, {"a", quantity("0.2"), quantity("2")}}));
    const std::map<std::string, double> start{{"f", 45}, {"a", 0.5}};
    for (const Derivatives derivatives : {Derivatives::exact, Derivatives::adjoint, Derivatives::differences}) {
        SCOPED_TRACE(name_of(derivatives));
        Refiner refiner(fitter, {.method = RefineMethod::quasi_newton, .derivatives = derivatives});
        const RefineResult caught = refiner.refine({.starts = {start}});
        EXPECT_GT(caught.error, 0.1);
        const RefineResult hopped = refiner.refine({.starts = {start}, .hops = 30});
        EXPECT_EQ(hopped.derivatives, derivatives);
        EXPECT_NEAR(hopped["f"], 20, 1e-4);
        EXPECT_NEAR(hopped["a"], 1, 1e-4);
    }
}

FitterOptions noisy_options() {
    FitterOptions options = test::leaky_options();
    options.model = parse_brian({.equations = {"equations",
                                               "dv/dt = (E - v + R*I)/tau + sigma*tau**-0.5*xi : volt\n"
                                               "E : volt (constant)\ntau : second (constant)\nR : ohm (constant)\n"
                                               "sigma : volt (constant)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}},
                                 .initial_values = {{"v", "E + 1*mV*randn()"}}});
    options.method = "euler";
    return options;
}

// The random numbers of the best evaluation are held: it is the start, and derivatives are those of its trajectory.
TEST(RefineGradients, HoldRandomNumbers) {
    TraceFitter fitter(noisy_options());
    std::vector<FitParameter> bounds = test::leaky_bounds();
    bounds.push_back({"sigma", quantity("0.1 mV"), quantity("5 mV")});
    const FitResult found = fitter.fit({.parameters = bounds, .optimizer = differential_evolution(), .n_rounds = 3});
    ASSERT_GT(found.best->evaluation, 0U);
    std::vector<double> errors;
    for (const Derivatives derivatives : {Derivatives::exact, Derivatives::adjoint, Derivatives::differences}) {
        SCOPED_TRACE(name_of(derivatives));
        Refiner refiner(fitter, {.derivatives = derivatives});
        const RefineResult refined = refiner.refine();
        EXPECT_EQ(refined.start_error, found.best->error);
        EXPECT_LT(refined.error, 0.9 * refined.start_error);
        EXPECT_THAT(
            refined.notes,
            testing::Contains(HasSubstr(fmt::format("those of evaluation {} are held", found.best->evaluation))));
        errors.push_back(refined.error);
    }
    EXPECT_NEAR(errors[1], errors[0], 1e-6 * errors[0]);
    EXPECT_NEAR(errors[2], errors[0], 1e-6 * errors[0]);

    Refiner exact(fitter, {.derivatives = Derivatives::exact});
    Array2 points(9, 4, 0.4);
    for (std::size_t k = 0; k < 4; ++k) {
        points(2 * k + 1, k) += 1e-4;
        points(2 * k + 2, k) -= 1e-4;
    }
    const Refiner::Field field = exact.field(points, true);
    for (std::size_t k = 0; k < 4; ++k) {
        const double difference = (field.errors[2 * k + 1] - field.errors[2 * k + 2]) / 2e-4;
        EXPECT_NEAR(field.gradient(0, k), difference, 1e-5 * std::fabs(difference)) << k;
    }
}

TEST(RefineGradients, SayWhereThereAreNone) {
    const TraceFitter fitter = hodgkin_huxley_problem();
    const auto message = [&](const RefineProblem& problem) {
        return message_of<ConfigError>([&] { Refiner refiner(fitter, problem); });
    };
    EXPECT_THAT(message({.method = RefineMethod::least_squares, .derivatives = Derivatives::adjoint}),
                HasSubstr("least squares needs the derivatives of each residual"));
    EXPECT_THAT(message({.metric = test::squares_of_traces(), .derivatives = Derivatives::adjoint}),
                HasSubstr("mean squared errors"));

    // the mean of Poisson numbers
    FitterOptions counts = noisy_options();
    counts.model = parse_brian({.equations = {"equations",
                                              "dv/dt = (E - v + R*I + poisson(1e3*R/ohm*1e-9)*mV)/tau : volt\n"
                                              "E : volt (constant)\ntau : second (constant)\nR : ohm (constant)"},
                                .inputs = {"I"},
                                .input_dimensions = {{"I", dimensions::ampere}}});
    TraceFitter poisson(counts);
    (void)poisson.fit(set_up(test::leaky_bounds()));
    EXPECT_THAT(message_of<ConfigError>([&] { Refiner refiner(poisson); }), HasSubstr("mean of a Poisson number"));

    // coupled linear equations whose coefficients are searched have tangents, but no adjoint
    FitterOptions coupled = test::leaky_options();
    coupled.model = parse_brian({.equations = {"equations",
                                               "dv/dt = (E - v + R*I - u)/tau : volt\ndu/dt = (v - E - u)/tau : volt\n"
                                               "E : volt (constant)\ntau : second (constant)\nR : ohm (constant)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}},
                                 .initial_values = {{"v", "E"}}});
    TraceFitter linear(coupled);
    (void)linear.fit(set_up(test::leaky_bounds()));
    EXPECT_THAT(message_of<ConfigError>([&] { Refiner refiner(linear, {.derivatives = Derivatives::adjoint}); }),
                HasSubstr("no adjoint"));
    EXPECT_NO_THROW(Refiner(linear, {.derivatives = Derivatives::exact}));
}

// One note for all parameters of which it is true.
TEST(RefineGradients, SayWhatTheyDoNotSee) {
    FitterOptions options = test::leaky_options();
    options.model = parse_brian({.equations = {"equations",
                                               "dv/dt = (E - v + R*I + int(v > -60*mV)*mV)/tau : volt\n"
                                               "E : volt (constant)\ntau : second (constant)\nR : ohm (constant)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}}});
    options.method = "euler";
    TraceFitter fitter(options);
    (void)fitter.fit(set_up(test::leaky_bounds()));
    const Refiner refiner(fitter);
    EXPECT_THAT(refiner.notes(), testing::ElementsAre(testing::AllOf(HasSubstr("`E`"), HasSubstr("`tau`"),
                                                                     HasSubstr("`R`"), HasSubstr("a condition"))));
}

}  // namespace
}  // namespace spikesmith
