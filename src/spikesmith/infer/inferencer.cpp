#include "spikesmith/infer/inferencer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t calibration_simulations = std::uint64_t{1} << 40;  // keys beyond those of training
constexpr std::uint64_t predictive_simulations = std::uint64_t{1} << 41;

// A feature group at its place in x.
struct PlacedGroup {
    SummaryGroup group;
    std::size_t output = 0;            // number among the outputs; unused for spikes
    std::vector<std::size_t> first;    // per trace: index into x
    std::vector<std::size_t> samples;  // per trace: of the compared trace

    [[nodiscard]] bool of_spikes() const { return group.output == spikes_output; }
    [[nodiscard]] std::size_t values(std::size_t trace) const {
        return group.compute ? group.names.size() : (samples[trace] + group.decimation - 1) / group.decimation;
    }
    void fill(const SummaryInput& input, std::span<double> x) const {
        const std::span<double> own = x.subspan(first[input.trace], values(input.trace));
        if (group.compute) {
            group.compute(input, own);
        } else {
            for (std::size_t k = 0; k < own.size(); ++k) own[k] = input.values[k * group.decimation];
        }
    }
};

}  // namespace

struct Inferencer::Implementation {
    InferencerOptions options;
    TraceData data;
    std::vector<Parameter> parameters;  // of the model that are inferred
    std::vector<PlacedGroup> groups;
    std::vector<std::string> names;  // of x
    std::vector<double> observed;
    std::optional<Ensemble> ensemble;

    std::optional<Prior> prior;
    std::optional<InferenceOptions> inference_options;
    std::optional<Inference> inference;
    std::optional<Posterior> current;
    std::optional<Assessment> assessment;
    std::optional<AutomaticResult> choice;
    std::optional<Region> region;
    std::vector<TrainingReport> reports;
    Array2 theta;  // pending
    Array2 x;
    SimulatedFrom from = SimulatedFrom::prior;
    std::shared_ptr<const MixtureProposal> mixture;  // that they were drawn from, if it is one
    std::size_t simulated = 0;
    std::size_t round = 0;
    std::size_t last_samples = 0;
    ProposalKind proposal = ProposalKind::automatic;
    double truncation = 1e-4;

    explicit Implementation(InferencerOptions given)
        : options(std::move(given)),
          data(check_trace_data(options.model, options.recordings)),
          parameters(open_parameters(options.model)) {
        if (parameters.empty())
            throw ConfigError("the model has no parameters without value", "there is nothing to infer");
        if (options.threads < 0)
            throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
        if (options.features.empty()) {
            for (const RecordedOutput& output : data.outputs) options.features.push_back(raw_trace(output.name));
            if (data.spikes) {
                throw ConfigError("spike trains have no automatic features",
                                  "give features of `spikes`, such as their number");
            }
        }
        place_groups();
        ensemble.emplace(make_ensemble(names_of(data.outputs)));
        observe();
    }

    [[nodiscard]] Ensemble make_ensemble(std::vector<std::string> outputs) const {
        IntegrationOptions integration{.method = options.method, .dt = data.dt, .outputs = std::move(outputs)};
        integration.parameters = names_of(parameters);
        EnsembleData ensemble_data{.n_traces = data.n_traces,
                                   .n_steps = data.n_steps,
                                   .inputs = data.inputs,
                                   .targets = data.targets,
                                   .weights = {},
                                   .trace_steps = data.trace_steps};
        return {integrate(options.model, integration),
                std::move(ensemble_data),
                {.threads = options.threads, .kernel = options.kernel, .seed = options.seed}};
    }

    void place_groups() {
        for (const SummaryGroup& group : options.features) {
            PlacedGroup placed{.group = group};
            if (placed.of_spikes()) {
                if (!data.spikes) throw ConfigError("there are features of spikes, but no spikes are recorded");
                if (!group.compute)
                    throw ConfigError("spike trains have no raw trace",
                                      "give features of `spikes`, such as their number");
                placed.samples.assign(data.n_traces, 0);
            } else {
                const auto output = std::ranges::find(data.outputs, group.output, &RecordedOutput::name);
                if (output == data.outputs.end()) {
                    throw ConfigError(fmt::format("there are features of `{}`, which is not recorded", group.output),
                                      did_you_mean(group.output, names_of(data.outputs)));
                }
                placed.output = static_cast<std::size_t>(output - data.outputs.begin());
                for (const RecordedTrace& trace : output->traces) placed.samples.push_back(trace.target.size());
            }
            for (std::size_t r = 0; r < data.n_traces; ++r) {
                placed.first.push_back(names.size());
                for (std::size_t k = 0; k < placed.values(r); ++k) {
                    const std::string what =
                        group.compute ? "." + group.names[k] : fmt::format("({})", k * group.decimation);
                    names.push_back(fmt::format("{}[{}]{}", group.output, r, what));
                }
            }
            groups.push_back(std::move(placed));
        }
    }

    [[nodiscard]] double compared_interval(const PlacedGroup& group, std::size_t trace) const {
        return group.of_spikes() ? data.dt : data.outputs[group.output].traces[trace].dt;
    }

    void observe() {
        observed.assign(names.size(), not_a_number);
        for (const PlacedGroup& group : groups) {
            for (std::size_t r = 0; r < data.n_traces; ++r) {
                SummaryInput input{
                    .values = {}, .dt = compared_interval(group, r), .duration = data.duration(r), .trace = r};
                if (group.of_spikes()) {
                    input.values = (*data.spikes)[r];
                } else {
                    const RecordedTrace& trace = data.outputs[group.output].traces[r];
                    if (std::ranges::any_of(trace.target, [](double v) { return !std::isfinite(v); })) {
                        throw DataError(fmt::format("trace {} of `{}` has gaps, of which no features can be computed",
                                                    r + 1, group.group.output));
                    }
                    input.values = trace.target;
                }
                group.fill(input, observed);
            }
        }
    }

    // x of theta; row i is simulation `first + i`.
    [[nodiscard]] Array2 extract(const Array2& rows, std::uint64_t first) {
        if (!prior) throw ConfigError("there is no prior", "call init_prior first");
        if (rows.columns != prior->dimension())
            throw DataError(
                fmt::format("theta has {} columns, but there are {} parameters", rows.columns, prior->dimension()));
        Array2 result(rows.rows, names.size(), not_a_number);
        const bool spikes = std::ranges::any_of(groups, &PlacedGroup::of_spikes);
        const bool traces = std::ranges::any_of(groups, [](const PlacedGroup& group) { return !group.of_spikes(); });
        const auto summarize = [&](const BlockView& block) {
            std::vector<double> whole(block.n_steps);
            std::vector<double> compared;
            std::vector<double> times;
            for (std::size_t s = 0; s < block.n_samples; ++s) {
                for (const PlacedGroup& group : groups) {
                    SummaryInput input{.values = {},
                                       .dt = compared_interval(group, block.trace),
                                       .duration = data.duration(block.trace),
                                       .trace = block.trace};
                    if (group.of_spikes()) {
                        times.clear();
                        for (const std::int32_t step : block.spikes(s)) times.push_back(step * data.dt);
                        input.values = times;
                    } else {
                        block.copy_output(group.output, s, whole);
                        compared.resize(group.samples[block.trace]);
                        pick(whole, data.outputs[group.output].traces[block.trace].stride, compared);
                        if (std::ranges::any_of(compared, [](double v) { return !std::isfinite(v); }))
                            continue;  // it failed
                        input.values = compared;
                    }
                    group.fill(input, result.row(block.first_sample + s));
                }
            }
        };
        const RunResult run =
            ensemble->run(program_parameters(rows),
                          {.first_evaluation = first, .outputs = traces, .spikes = spikes, .observer = summarize});
        for (std::size_t i = 0; i < rows.rows; ++i) {
            for (std::size_t r = 0; r < data.n_traces; ++r) {
                if (run.diverged[i * data.n_traces + r] != 0) std::ranges::fill(result.row(i), not_a_number);
            }
        }
        return result;
    }

    // Columns in the order of the program.
    [[nodiscard]] Array2 program_parameters(const Array2& rows) const {
        Array2 result(rows.rows, parameters.size());
        const std::vector<std::string> order = prior->names();
        for (std::size_t j = 0; j < parameters.size(); ++j) {
            const auto column = static_cast<std::size_t>(std::ranges::find(order, parameters[j].name) - order.begin());
            for (std::size_t i = 0; i < rows.rows; ++i) result(i, j) = rows(i, column);
        }
        return result;
    }

    void set_prior(std::vector<ParameterPrior> given) {
        const std::vector<std::string> known = names_of(parameters);
        for (const ParameterPrior& parameter : given) {
            const auto found = std::ranges::find(parameters, parameter.name, &Parameter::name);
            if (found == parameters.end()) {
                throw ConfigError(fmt::format("the model has no parameter `{}` to infer", parameter.name),
                                  has_initial_value(options.model, parameter.name)
                                      ? "it has a value in the model"
                                      : did_you_mean(parameter.name, known));
            }
            const bool zero_bounds = parameter.dimension == Dimension{} && parameter.distribution.low() == 0 &&
                                     parameter.distribution.high() == 0;
            if (!(parameter.dimension == found->dimension) && !zero_bounds) {
                throw UnitError(fmt::format("the prior of `{}` is in {}, but the parameter in {}", parameter.name,
                                            parameter.dimension.name(), found->dimension.name()));
            }
        }
        for (const std::string& name : known) {
            if (std::ranges::find(given, name, &ParameterPrior::name) == given.end())
                throw ConfigError(fmt::format("the parameter `{}` has no prior", name),
                                  "give it one, or a value in the model");
        }
        prior.emplace(std::move(given));
    }

    [[nodiscard]] std::uint64_t round_seed() const { return options.seed + (static_cast<std::uint64_t>(round) << 48); }

    void generate(std::size_t n) {
        if (!prior) throw ConfigError("there is no prior", "call init_prior first");
        if (n == 0) throw ConfigError("n_samples must be at least 1");
        const InferenceMethod method = inference_options ? inference_options->method : InferenceMethod::snpe;
        if (current && truncates(proposal, method)) {
            const bool complete_only = inference_options && inference_options->missing == MissingPolicy::restrict_prior;
            region.emplace(*current, truncation, 50000, round_seed(), complete_only);
            if (inference) inference->set_region([own = *region](const Array2& u) { return own.contains(u); });
        }
        ProposedParameters proposed = propose(*prior, current ? &*current : nullptr, region ? &*region : nullptr,
                                              proposal, method, n, round_seed());
        theta = std::move(proposed.theta);
        from = proposed.from;
        mixture = std::move(proposed.mixture);
        x = {};
        last_samples = n;
    }

    void simulate() {
        x = extract(theta, simulated);
        simulated += theta.rows;
    }

    void forget() {
        inference.reset();
        current.reset();
        assessment.reset();
        choice.reset();
        region.reset();
        reports.clear();
        theta = x = {};
        from = SimulatedFrom::prior;
        mixture.reset();
        simulated = round = 0;
    }

    void begin(const InferenceOptions& given) {
        if (!prior) throw ConfigError("there is no prior", "call init_prior first");
        inference_options = given;
        inference.emplace(*prior, given);
    }

    TrainingReport train(TrainingOptions training, TrainingControl control) {
        if (!inference) begin({});
        if (!theta.empty() && x.empty()) simulate();
        if (!theta.empty())
            inference->append({std::exchange(theta, {}), std::exchange(x, {}), {}}, from,
                              std::exchange(mixture, nullptr));
        if (inference->simulations().size() == 0)
            throw ConfigError("there is nothing to train on", "generate training data first");
        training.seed += options.seed + round;
        if (!control.checkpoint.empty()) control.checkpoint /= fmt::format("round_{}", round + 1);
        reports.push_back(inference->train(training, control, observed));
        ++round;
        return reports.back();
    }

    // Trains on the pending simulations, or new ones, with the method that proves best, which later rounds will keep.
    void choose(const InferOptions& given) {
        if (current) throw ConfigError("the automatic choice is not continued", "set restart, or choose a method");
        AutomaticOptions options_of_choice{.inference = given.inference,
                                           .training = given.training,
                                           .control = given.control,
                                           .simulations = given.n_samples * given.n_rounds,
                                           .shares = std::vector<double>(given.n_rounds, 1.0),
                                           .truncation = given.truncation,
                                           .posterior = given.posterior,
                                           .seed = round_seed()};
        options_of_choice.training.seed += options.seed;
        if (given.n_rounds > 1) {
            if (!theta.empty())
                throw ConfigError("the automatic choice in several rounds makes its own simulations",
                                  "set n_rounds to 1, or choose a method");
            const Simulator simulator = [this](const Array2& rows, std::uint64_t) {
                theta = rows;
                simulate();
                theta = {};
                return std::exchange(x, {});
            };
            choice = infer_automatically(*prior, simulator, observed, options_of_choice);
            region = choice->region;
        } else {
            if (theta.empty()) generate(given.n_samples);
            if (x.empty()) simulate();
            if (from != SimulatedFrom::prior)
                throw ConfigError("the automatic choice needs simulations of the prior", "choose a method");
            Simulations simulations{std::exchange(theta, {}), std::exchange(x, {}), {}};
            choice = infer_automatically(*prior, simulations, observed, options_of_choice);
            choice->drawn.append(simulations);
        }
        last_samples = choice->drawn.size() / given.n_rounds;
        InferenceOptions chosen = given.inference;
        chosen.method = choice->method;
        chosen.density_estimators = automatic_estimators();
        begin(chosen);
        for (std::uint32_t k = 0; k < given.n_rounds; ++k) {
            std::vector<std::size_t> rows;
            for (std::size_t i = 0; i < choice->drawn.size(); ++i) {
                if (choice->drawn.round[i] == k) rows.push_back(i);
            }
            inference->append(choice->drawn.select(rows),
                              k == 0 ? SimulatedFrom::prior : SimulatedFrom::truncated_prior);
        }
        choice->drawn = {};
        for (const AutomaticResult::Candidate& candidate : choice->candidates) {
            if (candidate.method == choice->method) reports.push_back(candidate.report);
        }
        round += given.n_rounds;
        current.emplace(*prior, choice->estimator, observed, given.posterior);
    }

    const Posterior& build(const PosteriorOptions& posterior) {
        if (!inference) throw ConfigError("there is no posterior before the first training");
        current.emplace(*prior, inference->estimator(), observed, posterior);
        assessment.reset();
        return *current;
    }
};

Inferencer::Inferencer(InferencerOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(options))) {}
Inferencer::Inferencer(Inferencer&&) noexcept = default;
Inferencer& Inferencer::operator=(Inferencer&&) noexcept = default;
Inferencer::~Inferencer() = default;

const Posterior& Inferencer::infer(const InferOptions& options) {
    Implementation& own = *implementation_;
    if (options.n_rounds == 0) throw ConfigError("n_rounds must be at least 1");
    if (options.restart) own.forget();
    if (!own.inference) {
        if (!options.prior.empty()) own.set_prior(options.prior);
        own.begin(options.inference);
    } else if (!options.prior.empty() && !(Prior(options.prior).description() == own.prior->description())) {
        throw ConfigError("the prior cannot change while an inference continues",
                          "leave it out, or set restart to begin anew");
    }
    own.proposal = options.proposal;
    own.truncation = options.truncation;
    if (options.automatic) own.choose(options);
    for (std::size_t k = 0; k < options.n_rounds && !options.automatic; ++k) {
        if (own.theta.empty()) {
            const std::size_t n = options.n_samples != 0 ? options.n_samples : own.last_samples;
            if (n == 0) throw ConfigError("n_samples is needed at the first inference");
            own.generate(n);
        }
        own.train(options.training, options.control);
        own.build(options.posterior);
    }
    if (options.assess) assess(options.assessment);
    return *own.current;
}

const Prior& Inferencer::init_prior(std::vector<ParameterPrior> parameters) {
    implementation_->forget();
    implementation_->set_prior(std::move(parameters));
    return *implementation_->prior;
}

Array2 Inferencer::generate_training_data(std::size_t n_samples) {
    implementation_->generate(n_samples);
    return implementation_->theta;
}

Array2 Inferencer::extract_summary_statistics(const Array2& theta) {
    Implementation& own = *implementation_;
    Array2 x = own.extract(theta, own.simulated);
    own.simulated += theta.rows;
    // pending simulations of the proposal stay such; foreign theta count as drawn from the prior only if nothing else was proposed
    if (own.theta.values != theta.values) {
        own.theta = theta;
        own.from = own.current ? SimulatedFrom::proposal : SimulatedFrom::prior;
        own.mixture.reset();
    }
    own.x = x;
    return x;
}

void Inferencer::save_summary_statistics(const std::filesystem::path& path) const {
    const Implementation& own = *implementation_;
    const bool pending = !own.theta.empty() && !own.x.empty();
    if (!pending && (!own.inference || own.inference->simulations().size() == 0))
        throw ConfigError("there are no summary statistics to save", "extract them first");
    const Array2& theta = pending ? own.theta : own.inference->simulations().theta;
    const Array2& x = pending ? own.x : own.inference->simulations().x;
    write_npz(path, {{"theta", to_npy(theta)}, {"x", to_npy(x)}});
}

std::pair<Array2, Array2> Inferencer::load_summary_statistics(const std::filesystem::path& path) {
    const NpzArchive archive = read_npz(path);
    Array2 theta = to_array2(archive.array("theta"), "theta");
    Array2 x = to_array2(archive.array("x"), "x");
    set_summary_statistics(theta, x);
    return {std::move(theta), std::move(x)};
}

void Inferencer::set_summary_statistics(Array2 theta, Array2 x, SimulatedFrom from) {
    Implementation& own = *implementation_;
    if (theta.rows != x.rows || theta.columns != own.parameters.size() || x.columns != own.names.size()) {
        throw DataError(fmt::format("theta is {} x {} and x {} x {}, but there are {} parameters and {} features",
                                    theta.rows, theta.columns, x.rows, x.columns, own.parameters.size(),
                                    own.names.size()));
    }
    own.last_samples = theta.rows;
    own.theta = std::move(theta);
    own.x = std::move(x);
    own.from = from;
    own.mixture.reset();
}

void Inferencer::init_inference(const InferenceOptions& options) {
    implementation_->begin(options);
}

TrainingReport Inferencer::train(const TrainingOptions& training, const TrainingControl& control) {
    return implementation_->train(training, control);
}

const Posterior& Inferencer::build_posterior(const PosteriorOptions& options) {
    return implementation_->build(options);
}

const Posterior& Inferencer::infer_step(std::size_t n_samples, const TrainingOptions& training,
                                        const PosteriorOptions& posterior, const TrainingControl& control) {
    Implementation& own = *implementation_;
    if (own.theta.empty()) own.generate(n_samples);
    own.train(training, control);
    return own.build(posterior);
}

const Posterior& Inferencer::posterior() const {
    if (!implementation_->current) throw ConfigError("there is no posterior yet", "infer or load one first");
    return *implementation_->current;
}

const std::vector<TrainingReport>& Inferencer::reports() const {
    return implementation_->reports;
}

const std::optional<AutomaticResult>& Inferencer::choice() const {
    return implementation_->choice;
}

const Posterior& Inferencer::load_posterior(const std::filesystem::path& path) {
    Implementation& own = *implementation_;
    const Posterior loaded = Posterior::load(path);
    if (loaded.estimator().features != own.names.size()) {
        throw DataError(fmt::format("{} has {} features, but these recordings {}", path.string(),
                                    loaded.estimator().features, own.names.size()));
    }
    own.set_prior(loaded.prior().parameters());
    own.prior = loaded.prior();
    own.inference.reset();
    own.region.reset();
    own.current = loaded;
    own.assessment.reset();
    return *own.current;
}

namespace {

// Mean, median and band of the draws at each step of one stimulus.
void summarize(const Array2& draws, std::size_t trace, PredictiveTraces::Output& output) {
    std::vector<double> values;
    for (std::size_t k = 0; k < draws.columns; ++k) {
        values.clear();
        for (std::size_t i = 0; i < draws.rows; ++i) {
            if (std::isfinite(draws(i, k))) values.push_back(draws(i, k));
        }
        if (values.empty()) continue;
        std::ranges::sort(values);
        const auto at = [&](double p) {
            return values[static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)))];
        };
        output.mean(trace, k) = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
        output.median(trace, k) = at(0.5);
        output.low(trace, k) = at(0.025);
        output.high(trace, k) = at(0.975);
    }
}

}  // namespace

PredictiveTraces Inferencer::generate_traces(std::size_t n_samples, std::vector<std::string> outputs) {
    const Implementation& own = *implementation_;
    if (n_samples == 0) throw ConfigError("n_samples must be at least 1");
    if (outputs.empty()) outputs = names_of(own.data.outputs);
    PredictiveTraces result{
        .dt = own.data.dt, .theta = sample(n_samples, own.options.seed), .trace_steps = own.data.trace_steps};
    Ensemble ensemble = own.make_ensemble(outputs);
    const bool spikes = own.options.model.threshold.has_value();
    const EnsembleRecord recorded =
        record(ensemble, own.program_parameters(result.theta),
               {.first_evaluation = predictive_simulations, .outputs = !outputs.empty(), .spikes = spikes});
    const std::size_t traces = own.data.n_traces;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        PredictiveTraces::Output output{.name = outputs[k], .dimension = ensemble.program().outputs[k].dimension};
        for (Array2* summary : {&output.mean, &output.median, &output.low, &output.high})
            *summary = Array2(traces, own.data.n_steps, not_a_number);
        for (std::size_t r = 0; r < traces; ++r) {
            Array2 draws(n_samples, own.data.n_steps);
            for (std::size_t i = 0; i < n_samples; ++i)
                std::ranges::copy(recorded.values[k].row(i * traces + r), draws.row(i).begin());
            summarize(draws, r, output);
            output.traces.push_back(std::move(draws));
        }
        result.outputs.push_back(std::move(output));
    }
    for (std::size_t i = 0; i < n_samples && spikes; ++i) {
        result.spikes.emplace_back();
        for (std::size_t r = 0; r < traces; ++r) result.spikes.back().push_back(recorded.spike_times(i, r));
    }
    return result;
}

const PredictiveTraces::Output& PredictiveTraces::operator[](std::string_view output) const {
    const auto found = std::ranges::find(outputs, output, &Output::name);
    if (found == outputs.end())
        throw ConfigError(fmt::format("`{}` was not generated", output), did_you_mean(output, names_of(outputs)));
    return *found;
}

CalibrationReport Inferencer::calibrate(std::size_t pairs, const CalibrationOptions& options) {
    Implementation& own = *implementation_;
    const Posterior& judged = posterior();
    CalibrationOptions used = options;
    Array2 theta;
    if (own.region) {
        theta = own.region->sample(pairs, own.options.seed + calibration_simulations);
        used.region = [region = *own.region](const Array2& u) { return region.contains(u); };
    } else {
        theta = own.prior->sample(pairs, own.options.seed, calibration_simulations);
    }
    const Array2 x = own.extract(theta, calibration_simulations);
    return spikesmith::calibrate(judged, theta, x, used);
}

const std::optional<Assessment>& Inferencer::assessment() const {
    return implementation_->assessment;
}

const Assessment& Inferencer::assess(const AssessmentOptions& options) {
    const std::size_t automatic = posterior().normalized() ? 300 : 60;
    Assessment result;
    try {
        result.calibration = calibrate(options.pairs != 0 ? options.pairs : automatic, options.calibration);
        result.predictions = check_predictions(options.predictions);
    } catch (const NumericalError& error) {
        result.failure = error.what();
    }
    implementation_->assessment = std::move(result);
    return *implementation_->assessment;
}

bool Assessment::trustworthy() const {
    return calibration && calibration->verdict == CalibrationVerdict::calibrated && predictions && predictions->passed;
}

std::string Assessment::summary() const {
    std::string text;
    if (calibration) text += calibration->summary() + "\n";
    if (predictions) text += predictions->summary() + "\n";
    if (!failure.empty()) text += "The posterior could not be judged: " + failure + "\n";
    return text;
}

PredictiveCheck Inferencer::check_predictions(std::size_t draws) {
    Implementation& own = *implementation_;
    return spikesmith::check_predictions(own.extract(sample(draws, own.options.seed + 1), predictive_simulations),
                                         own.observed, own.names);
}

const std::vector<double>& Inferencer::observation() const {
    return implementation_->observed;
}

const std::vector<std::string>& Inferencer::feature_names() const {
    return implementation_->names;
}

const TraceData& Inferencer::data() const {
    return implementation_->data;
}

std::size_t Inferencer::n_simulations() const {
    return implementation_->simulated;
}

}  // namespace spikesmith
