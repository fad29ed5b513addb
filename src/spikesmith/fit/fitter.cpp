#include "spikesmith/fit/fitter.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/checkpoint_clock.hpp"
#include "spikesmith/fit/fit_problem.hpp"
#include "spikesmith/fit/fit_round.hpp"
#include "spikesmith/fit/fit_search.hpp"
#include "spikesmith/fit/polish.hpp"
#include "spikesmith/fit/search_checkpoint.hpp"
#include "spikesmith/fit/trace_generator.hpp"

namespace spikesmith {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

struct Fitter::Implementation {
    FitProblem problem;
    std::optional<FitSearch> search;
    FitOptions search_options;  // parameters and metrics of the search
    std::optional<Polisher> polisher;
    TraceGenerator generator;
    Evaluations no_evaluations;

    explicit Implementation(FitterOptions given) : problem(std::move(given)) {}

    [[nodiscard]] const FitSearch* current() const { return search ? &*search : nullptr; }

    // The options with which another fitter could set up the same problem.
    void keep_options(const FitOptions& given) {
        search_options = {.parameters = given.parameters, .metric = given.metric, .metrics = given.metrics};
        polisher.reset();
    }

    // Refines the best if it is time. An interrupted attempt is made again when the fit continues.
    void polish_if_due(FitSearch& current, const std::atomic<bool>* cancelled) {
        if (!polish_is_due(current)) return;
        if (!polisher) polisher.emplace(problem.options, search_options, current.polish);
        const std::optional<Array2> point = polisher->polish(listed_parameters(current), cancelled);
        if (point) try_polished(problem, current, *point);
    }

    FitSearch& require_search() {
        if (search) return *search;
        throw ConfigError("the parameters and their bounds are not known yet",
                          "fit first; with n_rounds = 0 a fit only sets up");
    }

    [[nodiscard]] FitSetup setup() {
        const FitSearch& now = require_search();
        const Ensemble plain = problem.make_ensemble(problem.program, {});
        return {.parameters = now.parameters,
                .objectives = now.objectives,
                .program = problem.program,
                .data = plain.data(),
                .ensemble = plain.options(),
                .trace_factors = problem.data.trace_factors,
                .error_dimension = now.error_dimension,
                .multi_objective = now.choice.multi_objective && now.objectives.size() > 1};
    }

    void fit(const FitOptions& given) {
        if (!search || given.restart) {
            search.emplace(
                begin_search(problem, given, given.planned_rounds == 0 ? given.n_rounds : given.planned_rounds));
            keep_options(given);
        } else {
            require_same(problem, *search, given);
        }
        FitSearch& current = *search;
        if (given.start_iteration) current.iteration = *given.start_iteration;
        current.stop_reason = StopReason::rounds_done;
        const auto start = Clock::now();
        // set up now, so that what cannot be polished is said before the work begins
        if (current.polish.every > 0 && !polisher) polisher.emplace(problem.options, search_options, current.polish);
        polish_if_due(current, given.cancelled);
        CheckpointClock clock(given.checkpoint_seconds);
        for (std::size_t k = 0; k < given.n_rounds; ++k) {
            FitRound round;
            try {
                if (given.cancelled != nullptr && given.cancelled->load()) throw Interrupted("the fit was stopped");
                round = run_round(problem, current, given.cancelled);
                polish_if_due(current, given.cancelled);
            } catch (const Interrupted&) {
                current.stop_reason = StopReason::cancelled;
                break;
            }
            current.seconds = seconds_since(start);
            if (!given.checkpoint.empty() && clock.due()) {
                const auto began = Clock::now();
                write_checkpoint(problem, current, given.checkpoint);
                clock.written(began);
            }
            if (!given.callback) continue;
            const double per_round = current.seconds / static_cast<double>(k + 1);
            const std::vector<FittedParameter> parameters = listed_parameters(current);
            const RoundReport report{.round = k,
                                     .n_rounds = given.n_rounds,
                                     .iteration = current.iteration - 1,
                                     .parameters = parameters,
                                     .samples = round.samples,
                                     .errors = round.errors,
                                     .best = current.best,
                                     .error_dimension = current.error_dimension,
                                     .n_evaluations = current.evaluations.size(),
                                     .n_failed = current.n_failed,
                                     .elapsed_seconds = current.seconds,
                                     .remaining_seconds = per_round * static_cast<double>(given.n_rounds - k - 1)};
            if (given.callback(report) == CallbackAction::stop) {
                current.stop_reason = StopReason::callback;
                break;
            }
        }
        if (!given.checkpoint.empty()) write_checkpoint(problem, current, given.checkpoint);
        current.seconds = seconds_since(start);
    }

    [[nodiscard]] FitResult result() const {
        if (search) return result_of(problem, *search);
        return {.error_dimension = {}, .method = problem.program.method, .seed = problem.options.seed};
    }
};

Fitter::Fitter(FitterOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
Fitter::Fitter(Fitter&&) noexcept = default;
Fitter& Fitter::operator=(Fitter&&) noexcept = default;
Fitter::~Fitter() = default;

FitResult Fitter::fit(const FitOptions& options) {
    implementation_->fit(options);
    return implementation_->result();
}

FitResult Fitter::result() const {
    return implementation_->result();
}

const Evaluations& Fitter::evaluations() const {
    return implementation_->search ? implementation_->search->evaluations : implementation_->no_evaluations;
}

Generated Fitter::generate(const GenerateOptions& options) {
    return implementation_->generator.generate(implementation_->problem, implementation_->current(), options);
}

std::vector<double> Fitter::errors(const Array2& points, const std::atomic<bool>* cancelled, std::uint64_t noise) {
    return evaluate_points(implementation_->problem, implementation_->require_search(), points, cancelled, noise)
        .errors;
}

const FitterOptions& Fitter::options() const {
    return implementation_->problem.options;
}

bool Fitter::has_search() const {
    return implementation_->search.has_value();
}

const FitOptions& Fitter::search_options() const {
    static_cast<void>(implementation_->require_search());
    return implementation_->search_options;
}

FitSetup Fitter::setup() const {
    return implementation_->setup();
}

const UpdateProgram& Fitter::program() const {
    return implementation_->search ? implementation_->search->ensemble.program() : implementation_->problem.program;
}

const TraceData& Fitter::data() const {
    return implementation_->problem.data;
}

std::size_t Fitter::resume(const std::filesystem::path& checkpoint, const FitOptions& options) {
    implementation_->search.emplace(resume_search(implementation_->problem, checkpoint, options));
    implementation_->keep_options(options);
    return implementation_->search->history.size();
}

}  // namespace spikesmith
