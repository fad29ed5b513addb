// docs/fitting.md keeps its word: its C++ code is the code of this test, and its configurations can be read.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <spikesmith/spikesmith.hpp>

#include "spikesmith/cli/config.hpp"

namespace spikesmith::test {
namespace {

using FittingManual = ProgramTest;

// Swallows what the manual's code prints.
class SilentOutput {
  public:
    SilentOutput() : before_(std::cout.rdbuf(text_.rdbuf())) {}
    ~SilentOutput() { std::cout.rdbuf(before_); }
    SilentOutput(const SilentOutput&) = delete;
    SilentOutput& operator=(const SilentOutput&) = delete;
    [[nodiscard]] std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::streambuf* before_;
};

// Best of points drawn one after another: the manual's example of an optimiser.
struct RandomWalk {
    explicit RandomWalk(const SearchSetting& s) : setting(s), random(s.seed, 0), best(s.dimension, 0.5) {}

    // n points of the unit cube, one per row
    Array2 ask(std::size_t n) {
        Array2 points(n, setting.dimension);
        for (std::size_t r = 0; r < n; ++r) {
            for (std::size_t d = 0; d < setting.dimension; ++d)
                points(r, d) = std::clamp(best[d] + 0.1 * random.next_normal(), 0.0, 1.0);
        }
        return points;
    }
    // infinity: the simulation failed
    void tell(const Array2& points, std::span<const double> errors) {
        for (std::size_t r = 0; r < points.rows; ++r) {
            if (!(errors[r] < best_error)) continue;
            best_error = errors[r];
            best.assign(points.row(r).begin(), points.row(r).end());
        }
    }

    SearchSetting setting;
    math::RandomStream random;
    std::vector<double> best;
    double best_error = std::numeric_limits<double>::infinity();
};

constexpr double dt = 1e-4;

Model neuron() {
    const Model model = parse_brian({
        .equations = {"neuron",
                      "dv/dt = (gL*(EL - v) + I)/C : volt\n"
                      "gL : siemens (constant)\n"
                      "C : farad (constant)\n"},
        .constants = {{"EL", "-70 mV"}},
        .inputs = {"I"},
        .threshold = "v > -50*mV",
        .reset = "v = EL",
        .initial_values = {{"v", "EL"}},
    });
    return model;
}

// Constant currents and one that grows: 300 ms each.
Array2 make_currents() {
    Array2 currents(3, 3000);
    for (std::size_t k = 0; k < currents.columns; ++k) {
        currents(0, k) = 300e-12;
        currents(1, k) = 800e-12;
        currents(2, k) = 0.4e-12 * static_cast<double>(k);
    }
    return currents;
}

// What the neuron with gL = 30 nS and C = 281 pF does.
Generated true_neuron(const Array2& currents) {
    Fitter fitter({.model = neuron(),
                   .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                                  .spikes = std::vector<std::vector<double>>(currents.rows),
                                  .dt = dt}});
    return fitter.generate({.outputs = {"v"}, .parameters = {{"gL", 30e-9}, {"C", 281e-12}}});
}

void expect_truth(const FitResult& result, double tolerance) {
    EXPECT_NEAR(result["gL"], 30e-9, tolerance * 30e-9);
    EXPECT_NEAR(result["C"], 281e-12, tolerance * 281e-12);
}

TEST_F(FittingManual, Code) {
    const SilentOutput output;
    const Model model = neuron();
    const Array2 currents = make_currents();
    const Generated truth = true_neuron(currents);
    const Array2& voltages = truth["v"];

    // ------------------------------------------------------------------------------------------ a first fit
    TraceFitter fitter({
        .model = model,
        .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                       .outputs = {{"v", {.dt = dt, .values = voltages}}}},
        .n_samples = 100,  // parameter sets per round
        .seed = 1,
    });
    const std::vector<FitParameter> parameters{
        {.name = "gL", .low = parse_quantity("5 nS"), .high = parse_quantity("100 nS")},
        {.name = "C", .low = parse_quantity("50 pF"), .high = parse_quantity("1 nF"), .scale = Scale::logarithmic},
    };
    FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 20});
    std::cout << result.full_report();

    result = fitter.fit({.n_rounds = 20});  // 20 rounds more
    const double leak = result["gL"];       // siemens

    EXPECT_EQ(result.n_rounds, 40U);
    EXPECT_EQ(leak, result["gL"]);
    expect_truth(result, 0.05);

    // ------------------------------------------------------------------------------------------ what came out
    const Generated best = fitter.generate_traces();
    const Array2& fitted = best["v"];  // traces x steps, volt

    const Generated variant = fitter.generate({.outputs = {"v", "I"}, .parameters = {{"gL", 20e-9}}});
    const std::vector<std::vector<double>>& spikes = variant.spikes;  // seconds, one train per trace

    const std::vector<double> errors = fitter.evaluations().column("error");
    const std::vector<double> tried = fitter.evaluations().column("gL");

    for (const FailureCause& failure : result.failures) std::cout << failure.count << ": " << failure.what << '\n';

    EXPECT_EQ(fitted.rows, 3U);
    EXPECT_EQ(spikes.size(), 3U);
    EXPECT_EQ(errors.size(), 4000U);
    EXPECT_EQ(tried.size(), 4000U);

    // ------------------------------------------------------------------------------------------ spikes
    {
        const std::vector<std::vector<double>> recorded = truth.spikes;
        SpikeFitter spike_fitter({
            .model = model,
            .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}}, .spikes = recorded, .dt = dt},
            .n_samples = 200,
            .seed = 1,
        });
        const FitResult spike_result = spike_fitter.fit({
            .parameters = parameters,
            .metrics = {{"spikes", gamma_factor({.delta = 2e-3})}, {"spikes", van_rossum({.tau = 5e-3})}},
            .n_rounds = 40,
        });
        expect_truth(spike_result, 0.02);
    }

    // ------------------------------------------------------------------------------------------ several outputs
    {
        Fitter both({
            .model = model,
            .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                           .outputs = {{"v", {.dt = dt, .values = voltages}}},
                           .spikes = truth.spikes,
                           .trace_weights = {1, 2, 1}},
            .n_samples = 100,
        });
        const FitResult sum = both.fit({
            .parameters = parameters,
            .metrics = {{"v", mse({.normalization = parse_quantity("5 mV")})},
                        {"spikes", victor_purpura({.cost = 200})}},
            .n_rounds = 30,
        });
        expect_truth(sum, 0.05);
        ASSERT_EQ(sum.best->objectives.size(), 2U);
    }

    // ------------------------------------------------------------------------------------------ lengths
    {
        const TimeSeries recording{
            .values = voltages,
            .trace_dt = {1e-4, 1e-4, 1e-4},      // seconds
            .trace_samples = {3000, 1500, 800},  // the rest of a row is not looked at
        };
        OnlineTraceFitter online(
            {.model = model,
             .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}}, .outputs = {{"v", recording}}, .dt = dt},
             .n_samples = 100});
        expect_truth(online.fit({.parameters = parameters, .n_rounds = 40}), 0.05);
        EXPECT_EQ(online.data().trace_steps[2], 800U);
    }

    // ------------------------------------------------------------------------------------------ tied parameters
    {
        const FitParameter capacitance{
            .name = "C",
            .tied = Expression(9.4e-3) * Expression::symbol("gL"),  // SI: C = 9.4 ms * gL
        };
        TraceFitter tied({.model = model,
                          .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                                         .outputs = {{"v", {.dt = dt, .values = voltages}}}}});
        const FitResult found = tied.fit({.parameters = {parameters[0], capacitance}, .n_rounds = 20});
        EXPECT_DOUBLE_EQ(found["C"], 9.4e-3 * found["gL"]);
    }

    // ------------------------------------------------------------------------------------------ robust
    {
        const MetricPointer robust = mse({.loss = Loss::huber, .loss_scale = parse_quantity("2 mV")});
        TraceFitter robust_fitter({.model = model,
                                   .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                                                  .outputs = {{"v", {.dt = dt, .values = voltages}}}}});
        expect_truth(robust_fitter.fit({.parameters = parameters, .metric = robust, .n_rounds = 40}), 0.05);
    }

    // ------------------------------------------------------------------------------------------ checkpoints
    const FitterOptions options{.model = model,
                                .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                                               .outputs = {{"v", {.dt = dt, .values = voltages}}}}};
    {
        Fitter whole(options);
        Fitter interrupted(options);
        (void)interrupted.fit({.parameters = parameters,
                               .n_rounds = 20,
                               .callback =
                                   [](const RoundReport& report) {
                                       return report.round == 7 ? CallbackAction::stop : CallbackAction::proceed;
                                   },
                               .checkpoint = "fit.checkpoint"});
        {
            FitOptions fit{.parameters = parameters, .n_rounds = 20, .checkpoint = "fit.checkpoint"};
            Fitter again(options);
            if (std::filesystem::exists(fit.checkpoint)) fit.n_rounds -= again.resume(fit.checkpoint, fit);
            const FitResult complete = again.fit(fit);

            EXPECT_EQ(fit.n_rounds, 12U);
            EXPECT_EQ(complete.best->parameters,
                      whole.fit({.parameters = parameters, .n_rounds = 20}).best->parameters);
        }
    }

    // ------------------------------------------------------------------------------------------ Pareto front
    {
        Fitter two(options);
        const FitResult front = two.fit({
            .parameters = parameters,
            .optimizer = nsga2({.population = 40}),
            .metrics = {{"v", mse()}, {"v", mse({.t_start = 0.1})}},
            .n_rounds = 20,
        });
        for (const ParetoPoint& point : front.pareto_front)
            std::cout << point.parameters[0] << ' ' << point.objectives[0] << ' ' << point.objectives[1] << '\n';
        EXPECT_FALSE(front.pareto_front.empty());
        EXPECT_EQ(front.outputs, (std::vector<std::string>{"v_1", "v_2"}));
    }

    // ------------------------------------------------------------------------------------------ one's own
    {
        const MetricPointer worst = own_trace_metric("worst difference", [](auto simulated, auto recorded, double) {
            double largest = 0;
            for (std::size_t k = 0; k < simulated.size(); ++k)
                if (!std::isnan(recorded[k])) largest = std::max(largest, std::fabs(simulated[k] - recorded[k]));
            return largest;
        });
        const MetricPointer count = own_spike_metric("spike count", [](auto simulated, auto recorded, double, double) {
            return std::fabs(static_cast<double>(simulated.size()) - static_cast<double>(recorded.size()));
        });
        Fitter own(options);
        const FitResult found = own.fit({.parameters = parameters,
                                         .optimizer = own_optimizer<RandomWalk>("random_walk"),
                                         .metric = worst,
                                         .n_rounds = 30});
        EXPECT_TRUE(found.best);
        SpikeFitter counting(
            {.model = model,
             .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}}, .spikes = truth.spikes, .dt = dt}});
        EXPECT_EQ(counting.fit({.parameters = parameters, .metrics = {{"spikes", count}}, .n_rounds = 20}).best->error,
                  0);
    }
    {
        const auto method = optimizer_method("DE");
        method->set("crossover_rate", 0.9);
        Fitter named(options);
        expect_truth(named.fit({.parameters = parameters, .optimizer = method->choice(), .n_rounds = 40}), 0.05);
    }
    EXPECT_THAT(output.text(), testing::HasSubstr("best error"));
}

// The fenced blocks of a page in one language.
std::vector<std::string> blocks(const fs::path& page, const std::string& language) {
    std::istringstream lines(contents(page));
    std::vector<std::string> result;
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (!inside && line == "```" + language) {
            result.emplace_back();
            inside = true;
        } else if (inside && line == "```") {
            inside = false;
        } else if (inside) {
            result.back() += line + '\n';
        }
    }
    EXPECT_FALSE(result.empty()) << page << ' ' << language;
    return result;
}

// Without blanks and line ends: how code is broken into lines does not matter.
std::string packed(std::string text) {
    std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
    return text;
}

TEST_F(FittingManual, ShowsTheCodeOfThisTest) {
    const std::string code = packed(contents(repository / "tests" / "cli" / "fitting_manual_test.cpp"));
    for (const std::string& block : blocks(repository / "docs" / "fitting.md", "cpp"))
        EXPECT_NE(code.find(packed(block)), std::string::npos) << block;
}

TEST_F(FittingManual, ConfigurationsCanBeRead) {
    for (const auto* page : {"fitting.md", "config.md"}) {
        for (const std::string& block : blocks(repository / "docs" / page, "toml")) {
            std::string text = block;
            const auto lacks = [&](const char* section) { return text.find(section) == std::string::npos; };
            if (lacks("[model]")) text += "\n[model]\nequations = 'dv/dt = -v/tau : volt'\ndt = '0.1 ms'\n";
            if (!lacks("[fit") && lacks("[fit.parameters]")) text += "\n[fit.parameters]\ntau = ['1 ms', '1 s']\n";
            EXPECT_NO_THROW((void)read_config_text({"manual", text})) << text;
        }
    }
}

}  // namespace
}  // namespace spikesmith::test
