#include "spikesmith/cli/infer_config.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/cli/feature_config.hpp"
#include "spikesmith/infer/automatic_inference.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;
constexpr std::int64_t many = 100'000'000;

// The following leave `value` as it is if the section has no such key.
void read_count(const Section& section, std::string_view key, std::int64_t least, std::size_t& value,
                std::int64_t most = many) {
    if (const auto given = section.integer(key, least, most)) value = static_cast<std::size_t>(*given);
}

void read_positive(const Section& section, std::string_view key, double& value) {
    value = section.positive(key).value_or(value);
}

// A number between 0 and 1, both excluded unless `one_allowed`.
void read_fraction(const Section& section, std::string_view key, double& value, bool one_allowed = false) {
    const auto given = section.positive(key);
    if (!given) return;
    if (*given > 1 || (*given == 1 && !one_allowed))
        fail_at(section.find(key)->place, fmt::format("`{}` must be {} 1", key, one_allowed ? "at most" : "below"));
    value = *given;
}

void read_flag(const Section& section, std::string_view key, bool& value) {
    value = section.boolean(key).value_or(value);
}

// A word that `parse` knows.
template <class Value, class Parse>
void read_word(const Section& section, std::string_view key, std::string_view example, const Parse& parse,
               Value& value) {
    if (const auto* word = section.string(key, fmt::format("{} = \"{}\"", key, example)))
        value = located(word->place, [&] { return parse(word->text); });
}

// One word or an array of them.
template <class Value, class Parse>
void read_words(const Section& section, std::string_view key, std::string_view example, const Parse& parse,
                std::vector<Value>& values) {
    const std::vector<ConfigName> names = section.names(key, fmt::format("{} = \"{}\"", key, example));
    if (names.empty()) return;
    values.clear();
    for (const ConfigName& name : names) values.push_back(located(name.place, [&] { return parse(name.name); }));
}

// ---- networks -------------------------------------------------------------------------------------------------------

// The options of [infer.network] that a kind of network has.
bool has_option(nets::DensityKind kind, std::string_view option) {
    using enum nets::DensityKind;
    if (option == "hidden_features") return true;
    if (option == "num_transforms") return kind == maf || kind == nsf;
    if (option == "num_blocks") return kind != mdn;
    if (option == "num_bins" || option == "tail_bound") return kind == nsf;
    return kind == mdn || kind == made;  // num_components
}

bool has_option(nets::ClassifierKind kind, std::string_view option) {
    return kind != nets::ClassifierKind::linear && (option == "hidden_features" || option == "num_blocks");
}

template <class Kinds>
void require_options(const Section& network, const Kinds& kinds) {
    for (const std::string_view option :
         {"hidden_features", "num_transforms", "num_blocks", "num_bins", "tail_bound", "num_components"}) {
        const TomlValue* given = network.find(option);
        if (given == nullptr || std::ranges::any_of(kinds, [&](auto kind) { return has_option(kind, option); }))
            continue;
        std::vector<std::string> names;
        for (const auto kind : kinds) names.push_back(fmt::format("`{}`", nets::name_of(kind)));
        fail_at(given->place, fmt::format("`{}` is no option of {}", option, fmt::join(names, " and ")),
                "leave it out");
    }
}

// Sets `method`, or that it is chosen.
void read_method(const Section& section, InferConfig& infer) {
    const auto* word = section.string("method", "method = \"AUTO\"");
    if (word == nullptr) return;
    infer.automatic = means_automatic(word->text);
    if (!infer.automatic) {
        infer.inference.method = located(word->place, [&] { return inference_method(word->text); });
        return;
    }
    infer.inference.density_estimators = automatic_estimators();
    for (const std::string_view key :
         {"density_estimator", "classifier", "num_atoms", "use_combined_loss", "num_classes", "gamma", "proposal",
          "discard_prior_samples", "retrain_from_scratch"}) {
        if (const auto* given = section.find(key)) {
            fail_at(given->place, fmt::format("AUTO has no `{}`: it chooses method and networks itself", key),
                    "leave it out, or name a method: \"SNPE\"");
        }
    }
}

void read_network(const Section& infer, InferenceOptions& options) {
    const bool ratio = options.method != InferenceMethod::snpe && options.method != InferenceMethod::snle;
    const std::string_view other = ratio ? "density_estimator" : "classifier";
    if (const auto* wrong = infer.find(other)) {
        fail_at(wrong->place, fmt::format("{} has no `{}`", name_of(options.method), other),
                ratio ? "it learns a classifier: `classifier = \"resnet\"`"
                      : "it learns a density: `density_estimator = \"maf\"`");
    }
    read_words(infer, "density_estimator", "maf", nets::density_kind, options.density_estimators);
    read_words(infer, "classifier", "resnet", nets::classifier_kind, options.classifiers);
    const auto* table = infer.table("network");
    if (table == nullptr) return;
    const Section network(*table, "infer.network",
                          {"ensemble", "hidden_features", "num_transforms", "num_blocks", "num_bins", "tail_bound",
                           "num_components", "z_score_theta", "z_score_x"});
    ratio ? require_options(network, options.classifiers) : require_options(network, options.density_estimators);
    read_count(network, "ensemble", 1, options.ensemble, 1000);
    read_count(network, "hidden_features", 1, options.density.hidden_features, 100'000);
    options.classifier.hidden_features = options.density.hidden_features;
    read_count(network, "num_transforms", 1, options.density.num_transforms, 1000);
    std::size_t blocks = 0;
    read_count(network, "num_blocks", 1, blocks, 1000);
    if (blocks != 0) options.density.num_blocks = options.classifier.num_blocks = blocks;
    read_count(network, "num_bins", 2, options.density.num_bins, 1000);
    read_positive(network, "tail_bound", options.density.tail_bound);
    read_count(network, "num_components", 1, options.density.num_components, 10'000);
    read_word(network, "z_score_theta", "independent", nets::z_score, options.z_score_theta);
    read_word(network, "z_score_x", "independent", nets::z_score, options.z_score_x);
}

void read_embedding(const Section& infer, InferenceOptions& options, const std::filesystem::path& folder) {
    const auto* table = infer.table("embedding");
    if (table == nullptr) return;
    const Section section(*table, "infer.embedding",
                          {"kind", "output_features", "hidden_features", "num_layers", "input_channels", "out_channels",
                           "kernel_size", "stride", "padding", "pool_kernel_size", "dropout", "file", "device"});
    nets::Embedding& embedding = options.embedding;
    (void)section.required("kind", "kind = \"mlp\"");
    read_word(section, "kind", "mlp", nets::embedding_kind, embedding.kind);
    if (options.method == InferenceMethod::snle && embedding.kind != nets::EmbeddingKind::identity) {
        fail_at(table->place, "SNLE has no embedding: its density is over the data themselves",
                "use features, or method SNPE or SNRE");
    }
    if (embedding.kind == nets::EmbeddingKind::torchscript) {
        const Section own(*table, "infer.embedding", {"kind", "file", "device"});
        embedding.file = read_path(own.required("file", "file = \"network.pt\""), "file", folder).path.string();
        constexpr std::array devices{"cpu", "cuda"};
        embedding.device = devices[own.choice("device", {"cpu", "cuda"}, 0)];
        return;
    }
    for (const char* key : {"file", "device"}) {
        if (const TomlValue* given = section.find(key))
            fail_at(given->place, fmt::format("`{}` is of TorchScript networks", key), "kind = \"torchscript\"");
    }
    constexpr std::int64_t large = 1'000'000;
    read_count(section, "output_features", 1, embedding.output_features, large);
    read_count(section, "hidden_features", 1, embedding.hidden_features, large);
    read_count(section, "num_layers", 1, embedding.num_layers, 1000);
    read_count(section, "input_channels", 1, embedding.input_channels, large);
    if (const auto* channels = section.find("out_channels")) {
        const auto example = "for example `out_channels = [6, 12]`";
        if (channels->kind != Kind::array || channels->elements.empty())
            wrong_type("out_channels", "an array of integers", *channels, example);
        embedding.out_channels.clear();
        for (const TomlValue& element : channels->elements) {
            if (element.kind != Kind::integer || element.integer < 1 || element.integer > large)
                fail_at(element.place, "a number of channels is an integer from 1", example);
            embedding.out_channels.push_back(static_cast<std::size_t>(element.integer));
        }
    }
    read_count(section, "kernel_size", 1, embedding.kernel_size, large);
    read_count(section, "stride", 1, embedding.stride, large);
    if (const auto padding = section.integer("padding", 0, large))
        embedding.padding = static_cast<std::size_t>(*padding);
    read_count(section, "pool_kernel_size", 1, embedding.pool_kernel_size, large);
    read_fraction(section, "dropout", embedding.dropout);
}

void read_training(const Section& infer, TrainingOptions& training) {
    const auto* table = infer.table("training");
    if (table == nullptr) return;
    const Section section(*table, "infer.training",
                          {"training_batch_size", "learning_rate", "validation_fraction", "stop_after_epochs",
                           "max_num_epochs", "clip_max_norm", "final_learning_rate"});
    read_count(section, "training_batch_size", 1, training.training_batch_size);
    read_positive(section, "learning_rate", training.learning_rate);
    read_fraction(section, "validation_fraction", training.validation_fraction);
    read_count(section, "stop_after_epochs", 1, training.stop_after_epochs);
    read_count(section, "max_num_epochs", 1, training.max_num_epochs);
    read_positive(section, "clip_max_norm", training.clip_max_norm);
    read_fraction(section, "final_learning_rate", training.final_learning_rate, true);
    located(table->place, [&] { check(training); });
}

void read_sampling(const Section& infer, PosteriorOptions& posterior, const InferConfig& config) {
    const auto* table = infer.table("sampling");
    if (table == nullptr) return;
    const Section section(*table, "infer.sampling",
                          {"sample_with", "mcmc_method", "num_chains", "warmup_steps", "thin", "leapfrog_steps",
                           "max_tree_depth", "target_acceptance"});
    read_word(section, "sample_with", "mcmc", sample_method, posterior.sample_with);
    const bool direct = !config.automatic && config.inference.method == InferenceMethod::snpe;
    if (posterior.sample_with == SampleMethod::direct && !direct) {
        fail_at(section.find("sample_with")->place,
                config.automatic ? "AUTO may choose SNLE, which cannot be sampled directly"
                                 : fmt::format("{} cannot be sampled directly", method_of(config)),
                "leave it out: \"mcmc\"");
    }
    ChainOptions& chains = posterior.chains;
    read_word(section, "mcmc_method", "slice", chain_method, chains.method);
    read_count(section, "num_chains", 1, chains.num_chains, 1'000'000);
    read_count(section, "warmup_steps", 0, chains.warmup_steps);
    read_count(section, "thin", 1, chains.thin);
    read_count(section, "leapfrog_steps", 1, chains.leapfrog_steps, 100'000);
    read_count(section, "max_tree_depth", 1, chains.max_tree_depth, 20);
    read_fraction(section, "target_acceptance", chains.target_acceptance);
}

// ---- priors ---------------------------------------------------------------------------------------------------------

void read_bounds(const TomlValue& bounds, const std::string& name, PriorConfig& prior) {
    const std::string example = fmt::format("for example `{} = [\"1 nS\", \"100 nS\"]`", name);
    if (bounds.kind != Kind::array) wrong_type("bounds", "an array of two quantities", bounds, example);
    if (bounds.elements.size() != 2)
        fail_at(bounds.place, fmt::format("parameter `{}` needs two bounds, not {}", name, bounds.elements.size()),
                example);
    prior.low = read_quantity(bounds.elements[0], "bounds");
    prior.high = read_quantity(bounds.elements[1], "bounds");
    if (!(prior.low.quantity.value < prior.high.quantity.value))
        fail_at(bounds.place, fmt::format("the lower bound of `{}` is not below the upper one", name),
                "write the smaller one first");
}

ConfigQuantity read_deviation(const Section& section) {
    const ConfigQuantity deviation = read_quantity(section.required("deviation", "deviation = \"5 mV\""), "deviation");
    if (!(deviation.quantity.value > 0)) fail_at(deviation.place, "`deviation` must be positive");
    return deviation;
}

PriorConfig read_prior(const TomlMember& member) {
    using enum PriorConfig::Kind;
    PriorConfig prior;
    prior.name = {member.key, member.place};
    if (member.value.kind == Kind::array) {  // the short form
        read_bounds(member.value, member.key, prior);
        return prior;
    }
    if (member.value.kind != Kind::table) {
        fail_at(member.value.place, fmt::format("parameter `{}` needs a prior", member.key),
                fmt::format("for example `{0} = [\"1 nS\", \"100 nS\"]`, or `{0} = {{fixed = ...}}`", member.key));
    }
    const std::string path = "infer.parameters." + member.key;
    if (member.value.find("fixed") != nullptr) {
        const Section section(member.value, path, {"fixed"});
        prior.kind = fixed;
        prior.fixed = read_quantity(*section.find("fixed"), "fixed");
        return prior;
    }
    constexpr std::array kinds{uniform, log_uniform, normal, truncated_normal, log_normal};
    const Section any(member.value, path, {"prior", "bounds", "mean", "deviation", "median", "log_deviation", "fixed"});
    prior.kind = kinds[any.choice("prior", {"uniform", "log_uniform", "normal", "truncated_normal", "log_normal"}, 0)];
    if (prior.kind == normal) {
        const Section section(member.value, path, {"prior", "mean", "deviation"});
        prior.mean = read_quantity(section.required("mean", "mean = \"-65 mV\""), "mean");
        prior.deviation = read_deviation(section);
    } else if (prior.kind == log_normal) {
        const Section section(member.value, path, {"prior", "median", "log_deviation"});
        prior.mean = read_quantity(section.required("median", "median = \"10 nS\""), "median");
        (void)section.required("log_deviation", "log_deviation = 0.5");
        prior.log_deviation = *section.positive("log_deviation");
        if (!(prior.mean.quantity.value > 0)) fail_at(prior.mean.place, "`median` must be positive");
    } else {
        const bool cut = prior.kind == truncated_normal;
        const Section section(member.value, path,
                              cut ? std::vector<std::string_view>{"prior", "bounds", "mean", "deviation"}
                                  : std::vector<std::string_view>{"prior", "bounds"});
        read_bounds(section.required("bounds", "bounds = [\"1 nS\", \"100 nS\"]"), member.key, prior);
        if (cut) {
            prior.mean = read_quantity(section.required("mean", "mean = \"-65 mV\""), "mean");
            prior.deviation = read_deviation(section);
        }
        if (prior.kind == log_uniform && !(prior.low.quantity.value > 0))
            fail_at(prior.low.place, fmt::format("a log-uniform prior needs positive bounds, but `{}` starts at {}",
                                                 member.key, format_quantity(prior.low.quantity)));
    }
    return prior;
}

// ---- features -------------------------------------------------------------------------------------------------------

SummaryConfig read_summary(const TomlMember& member) {
    SummaryConfig summary;
    summary.output = {member.key, member.place};
    const std::string path = "infer.features." + member.key;
    if (member.value.kind != Kind::table) {
        wrong_type(member.key, "a table", member.value,
                   fmt::format("for example `[{}]` with `list = [\"spike_count\"]` below it", path));
    }
    std::vector<std::string_view> keys = feature_setting_keys();
    keys.insert(keys.end(), {"list", "statistics", "decimation", "stimuli"});
    const Section section(member.value, path, keys);
    summary.settings = read_feature_settings(section);
    located(member.place, [&] { check(summary.settings); });
    summary.features = section.names("list", "list = [\"spike_count\", \"AP_amplitude\"]");
    for (const ConfigName& name : summary.features) require_feature(name, summary.settings.mode);
    summary.statistics = section.names("statistics", "statistics = [\"mean\", \"std\"]");
    const std::vector<std::string> known{"mean", "std", "min", "max"};
    for (const ConfigName& name : summary.statistics) {
        if (std::ranges::find(known, name.name) != known.end()) continue;
        std::string hint = did_you_mean(name.name, known);
        if (hint.empty()) hint = fmt::format("one of: {}", fmt::join(known, ", "));
        fail_at(name.place, fmt::format("unknown statistic `{}`", name.name), std::move(hint));
    }
    if (const auto decimation = section.integer("decimation", 1, many))
        summary.decimation = static_cast<std::size_t>(*decimation);
    if (const auto* stimuli = section.find("stimuli")) {
        summary.stimuli = read_stimuli(*stimuli);
        summary.stimuli_place = stimuli->place;
    }
    if (summary.features.empty() && summary.statistics.empty() && !summary.decimation) {
        fail_at(member.place, fmt::format("[{}] names no features", path),
                "give `list` (features by name), `statistics`, or `decimation` (the trace itself)");
    }
    if (!summary.features.empty() && summary.stimuli.empty())
        fail_at(member.place, fmt::format("[{}] does not say when the stimulus starts and ends", path),
                "for example `stimuli = [[\"100 ms\", \"600 ms\"]]`");
    return summary;
}

}  // namespace

std::string method_of(const InferConfig& infer) {
    return infer.automatic ? "AUTO" : name_of(infer.inference.method);
}

InferConfig read_infer(const TomlValue& table, const std::filesystem::path& folder) {
    const Section section(table, "infer",
                          {"outputs",
                           "n_samples",
                           "n_rounds",
                           "method",
                           "density_estimator",
                           "classifier",
                           "network",
                           "embedding",
                           "training",
                           "sampling",
                           "num_atoms",
                           "use_combined_loss",
                           "num_classes",
                           "gamma",
                           "discard_prior_samples",
                           "retrain_from_scratch",
                           "missing",
                           "proposal",
                           "truncation",
                           "n_posterior_samples",
                           "n_traces",
                           "calibration_pairs",
                           "parameters",
                           "features"});
    InferConfig infer;
    infer.place = table.place;
    infer.outputs = section.names("outputs", "outputs = [\"v\"]");
    read_count(section, "n_samples", 2, infer.n_samples);
    read_count(section, "n_rounds", 1, infer.n_rounds, 1000);
    InferenceOptions& options = infer.inference;
    read_method(section, infer);
    read_network(section, options);
    read_embedding(section, options, folder);
    read_training(section, infer.training);
    read_sampling(section, infer.posterior, infer);
    read_count(section, "num_atoms", 2, options.num_atoms, 100'000);
    read_flag(section, "use_combined_loss", options.use_combined_loss);
    read_count(section, "num_classes", 1, options.num_classes, 100'000);
    read_positive(section, "gamma", options.gamma);
    read_flag(section, "discard_prior_samples", options.discard_prior_samples);
    options.retrain_from_scratch = section.boolean("retrain_from_scratch");
    constexpr std::array policies{MissingPolicy::mask, MissingPolicy::drop, MissingPolicy::restrict_prior};
    options.missing = policies[section.choice("missing", {"mask", "drop", "restrict_prior"}, 0)];
    constexpr std::array proposals{ProposalKind::automatic, ProposalKind::truncated, ProposalKind::posterior};
    infer.proposal = proposals[section.choice("proposal", {"automatic", "truncated", "posterior"}, 0)];
    read_fraction(section, "truncation", infer.truncation);
    read_count(section, "n_posterior_samples", 10, infer.n_posterior_samples);
    read_count(section, "n_traces", 0, infer.n_traces, 100'000);
    if (const auto pairs = section.integer("calibration_pairs", 0, 1'000'000))
        infer.calibration_pairs = static_cast<std::size_t>(*pairs);
    if (const auto* parameters = section.table("parameters")) {
        for (const auto& member : parameters->members) infer.parameters.push_back(read_prior(member));
    }
    if (const auto* features = section.table("features")) {
        for (const auto& member : features->members) infer.features.push_back(read_summary(member));
    }
    return infer;
}

}  // namespace spikesmith
