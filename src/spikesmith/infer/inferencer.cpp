#include "spikesmith/infer/inferencer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/infer/feature_simulator.hpp"

namespace spikesmith {

namespace {

constexpr std::uint64_t calibration_simulations = std::uint64_t{1} << 40;  // keys beyond those of training
constexpr std::uint64_t predictive_simulations = std::uint64_t{1} << 41;

}  // namespace

struct Inferencer::Implementation {
    FeatureSimulator simulator;
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
    bool automatic = false;

    explicit Implementation(InferencerOptions given) : simulator(std::move(given)) {}

    [[nodiscard]] std::uint64_t seed() const { return simulator.options().seed; }

    [[nodiscard]] const Prior& require_prior() const {
        if (!prior) throw ConfigError("there is no prior", "call init_prior first");
        return *prior;
    }

    // x of theta; row i is simulation `first + i`.
    [[nodiscard]] Array2 extract(const Array2& rows, std::uint64_t first) {
        return simulator.features(rows, require_prior().names(), first);
    }

    void set_prior(std::vector<ParameterPrior> given) {
        const std::vector<std::string> known = names_of(simulator.parameters());
        for (const ParameterPrior& parameter : given) {
            const auto found = std::ranges::find(simulator.parameters(), parameter.name, &Parameter::name);
            if (found == simulator.parameters().end()) {
                throw ConfigError(fmt::format("the model has no parameter `{}` to infer", parameter.name),
                                  has_initial_value(simulator.options().model, parameter.name)
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

    [[nodiscard]] std::uint64_t round_seed() const { return seed() + (static_cast<std::uint64_t>(round) << 48); }

    void generate(std::size_t n) {
        (void)require_prior();
        if (n == 0) throw ConfigError("n_samples must be at least 1");
        const InferenceMethod method = inference_options ? inference_options->method : InferenceMethod::snpe;
        const SamplingControl stop{.cancelled = simulator.options().simulations.cancelled};
        const ProposalKind kind = automatic ? ProposalKind::truncated : proposal;
        if (current && truncates(kind, method)) {
            const bool complete_only = inference_options && inference_options->missing == MissingPolicy::restrict_prior;
            region.emplace(*current, truncation, 50000, round_seed(), complete_only, stop);
            if (inference) inference->set_region([own = *region](const Array2& u) { return own.contains(u); });
        }
        ProposedParameters proposed = propose(*prior, current ? &*current : nullptr, region ? &*region : nullptr, kind,
                                              method, n, round_seed(), stop);
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

    void begin(const InferenceOptions& given, bool chooses) {
        InferenceOptions options = given;
        if (chooses) options.method = InferenceMethod::snpe;  // the other is learned from the same simulations
        inference.emplace(require_prior(), options);
        inference_options = options;
        automatic = chooses;
        choice.reset();
    }

    TrainingReport train(TrainingOptions training, TrainingControl control) {
        if (!inference) begin({}, false);
        if (automatic &&
            (training.discard_prior_samples.value_or(false) || !training.retrain_from_scratch.value_or(true)))
            throw ConfigError("the automatic choice trains anew, on the simulations of all rounds",
                              "leave `discard_prior_samples` and `retrain_from_scratch` out, or choose a method");
        if (!theta.empty() && x.empty()) simulate();
        if (automatic && !theta.empty() && from == SimulatedFrom::proposal)
            throw ConfigError("the automatic choice needs simulations of the prior, or of its truncation",
                              "choose a method");
        if (!theta.empty())
            inference->append({std::exchange(theta, {}), std::exchange(x, {}), {}}, from,
                              std::exchange(mixture, nullptr));
        if (inference->simulations().size() == 0)
            throw ConfigError("there is nothing to train on", "generate training data first");
        training.seed += seed() + round;
        if (!control.checkpoint.empty()) control.checkpoint /= fmt::format("round_{}", round + 1);
        reports.push_back(automatic ? choose(training, control)
                                    : inference->train(training, control, simulator.observation()));
        ++round;
        return reports.back();
    }

    // The method that proves best on all simulations of the newest region.
    TrainingReport choose(const TrainingOptions& training, const TrainingControl& control) {
        choice = infer_automatically(
            *prior, inference->simulations(), simulator.observation(),
            {.inference = *inference_options, .training = training, .control = control, .seed = round_seed()},
            region ? &*region : nullptr);
        return choice->chosen().report;
    }

    const Posterior& build(const PosteriorOptions& posterior) {
        if (!inference || (automatic && !choice)) throw ConfigError("there is no posterior before the first training");
        current.emplace(*prior, automatic ? choice->estimator : inference->estimator(), simulator.observation(),
                        posterior);
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
        own.begin(options.inference, options.automatic);
    } else if (!options.prior.empty() && !(Prior(options.prior).description() == own.prior->description())) {
        throw ConfigError("the prior cannot change while an inference continues",
                          "leave it out, or set restart to begin anew");
    }
    own.proposal = options.proposal;
    own.truncation = options.truncation;
    for (std::size_t k = 0; k < options.n_rounds; ++k) {
        if (own.theta.empty()) {
            const std::size_t n = options.n_samples != 0 ? options.n_samples : own.last_samples;
            if (n == 0) throw ConfigError("n_samples is needed at the first inference");
            own.generate(n);
        }
        own.train(options.training, options.control);
        own.build(options.posterior);
    }
    if (options.assess) {
        AssessmentOptions assessment = options.assessment;
        if (assessment.calibration.cancelled == nullptr) assessment.calibration.cancelled = options.control.cancelled;
        assess(assessment);
    }
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
    if (theta.rows != x.rows || theta.columns != own.simulator.parameters().size() ||
        x.columns != own.simulator.feature_names().size()) {
        throw DataError(fmt::format("theta is {} x {} and x {} x {}, but there are {} parameters and {} features",
                                    theta.rows, theta.columns, x.rows, x.columns, own.simulator.parameters().size(),
                                    own.simulator.feature_names().size()));
    }
    own.last_samples = theta.rows;
    own.theta = std::move(theta);
    own.x = std::move(x);
    own.from = from;
    own.mixture.reset();
}

void Inferencer::init_inference(const InferenceOptions& options, bool automatic) {
    implementation_->begin(options, automatic);
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
    if (loaded.estimator().features != own.simulator.feature_names().size()) {
        throw DataError(fmt::format("{} has {} features, but these recordings {}", path.string(),
                                    loaded.estimator().features, own.simulator.feature_names().size()));
    }
    own.set_prior(loaded.prior().parameters());
    own.prior = loaded.prior();
    own.inference.reset();
    own.choice.reset();
    own.region.reset();
    own.current = loaded;
    own.assessment.reset();
    return *own.current;
}

PredictiveTraces Inferencer::generate_traces(std::size_t n_samples, std::vector<std::string> outputs) {
    const Implementation& own = *implementation_;
    if (n_samples == 0) throw ConfigError("n_samples must be at least 1");
    return own.simulator.traces(
        sample(n_samples, own.seed(), {.cancelled = own.simulator.options().simulations.cancelled}),
        posterior().prior().names(), std::move(outputs), predictive_simulations);
}

CalibrationReport Inferencer::calibrate(std::size_t pairs, const CalibrationOptions& options) {
    Implementation& own = *implementation_;
    const Posterior& judged = posterior();
    CalibrationOptions used = options;
    Array2 theta;
    if (own.region) {
        theta = own.region->sample(pairs, own.seed() + calibration_simulations);
        used.region = [region = *own.region](const Array2& u) { return region.contains(u); };
    } else {
        theta = own.prior->sample(pairs, own.seed(), calibration_simulations);
    }
    const Array2 x = own.extract(theta, calibration_simulations);
    return spikesmith::calibrate(judged, theta, x, used);
}

const std::optional<Assessment>& Inferencer::assessment() const {
    return implementation_->assessment;
}

const Assessment& Inferencer::assess(const AssessmentOptions& options) {
    const std::size_t pairs = options.pairs.value_or(posterior().normalized() ? 300 : 60);
    Assessment result;
    const auto attempt = [&](const auto& judge) {
        try {
            judge();
        } catch (const NumericalError& error) {
            result.failure = error.what();
        }
    };
    if (pairs > 0) attempt([&] { result.calibration = calibrate(pairs, options.calibration); });
    if (options.predictions > 0) attempt([&] { result.predictions = check_predictions(options.predictions); });
    implementation_->assessment = std::move(result);
    return *implementation_->assessment;
}

PredictiveCheck Inferencer::check_predictions(std::size_t draws) {
    Implementation& own = *implementation_;
    return spikesmith::check_predictions(
        own.extract(sample(draws, own.seed() + 1, {.cancelled = own.simulator.options().simulations.cancelled}),
                    predictive_simulations),
        own.simulator.observation(), own.simulator.feature_names());
}

const std::vector<double>& Inferencer::observation() const {
    return implementation_->simulator.observation();
}

const std::vector<std::string>& Inferencer::feature_names() const {
    return implementation_->simulator.feature_names();
}

const TraceData& Inferencer::data() const {
    return implementation_->simulator.data();
}

std::size_t Inferencer::n_simulations() const {
    return implementation_->simulated;
}

}  // namespace spikesmith
