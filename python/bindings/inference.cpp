// The Inferencer and posteriors.
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "features.hpp"
#include "fitters.hpp"

#include "spikesmith/infer/inferencer.hpp"

namespace spikesmith::python {
namespace {

// A Python dictionary of options. Every option that is read is ticked off; what is left is an unknown option.
class Options {
  public:
    Options(const nb::dict& dict, std::string what) : dict_(dict), what_(std::move(what)) {}

    template <class Value>
    void read(const char* name, Value& value) {
        known_.emplace_back(name);
        if (dict_.contains(name)) value = nb::cast<Value>(dict_[name]);
    }
    template <class Value, class Parse>
    void read_name(const char* name, Value& value, const Parse& parse) {
        known_.emplace_back(name);
        if (dict_.contains(name)) value = parse(nb::cast<std::string>(dict_[name]));
    }
    void finish() const {
        for (const auto& [key, value] : dict_) {
            const auto name = nb::cast<std::string>(key);
            if (std::ranges::find(known_, name) == known_.end()) {
                throw ConfigError(fmt::format("there is no option `{}` of {}", name, what_),
                                  did_you_mean(name, known_));
            }
        }
    }

  private:
    const nb::dict& dict_;
    std::string what_;
    std::vector<std::string> known_;
};

InferenceOptions to_inference(const std::string& method, const std::vector<std::string>& models, const nb::dict& dict) {
    InferenceOptions options;
    if (means_automatic(method)) {
        if (!models.empty()) throw ConfigError("AUTO chooses its networks itself", "leave density_estimator_model out");
    } else {
        options.method = inference_method(method);
    }
    const bool ratio = options.method != InferenceMethod::snpe && options.method != InferenceMethod::snle;
    if (!models.empty()) {
        if (ratio) {
            options.classifiers.clear();
        } else {
            options.density_estimators.clear();
        }
        for (const auto& model : models) {
            if (ratio) {
                options.classifiers.push_back(nets::classifier_kind(model));
            } else {
                options.density_estimators.push_back(nets::density_kind(model));
            }
        }
    }
    Options read(dict, "the inference");
    std::size_t hidden = options.density.hidden_features;
    std::size_t blocks = 0;
    read.read("hidden_features", hidden);
    read.read("num_blocks", blocks);
    options.density.hidden_features = options.classifier.hidden_features = hidden;
    if (blocks > 0) {
        options.density.num_blocks = blocks;
        options.classifier.num_blocks = blocks;
    }
    read.read("num_transforms", options.density.num_transforms);
    read.read("num_bins", options.density.num_bins);
    read.read("tail_bound", options.density.tail_bound);
    read.read("num_components", options.density.num_components);
    read.read_name("z_score_theta", options.z_score_theta, nets::z_score);
    read.read_name("z_score_x", options.z_score_x, nets::z_score);
    read.read_name("embedding_net", options.embedding.kind, nets::embedding_kind);
    read.read("embedding_features", options.embedding.output_features);
    read.read("embedding_file", options.embedding.file);
    read.read("embedding_device", options.embedding.device);
    read.read("ensemble", options.ensemble);
    read.read("num_atoms", options.num_atoms);
    read.read("use_combined_loss", options.use_combined_loss);
    read.read("num_classes", options.num_classes);
    read.read("gamma", options.gamma);
    read.read_name("missing", options.missing, [](const std::string& name) {
        if (name == "mask") return MissingPolicy::mask;
        if (name == "drop") return MissingPolicy::drop;
        if (name == "restrict_prior") return MissingPolicy::restrict_prior;
        throw ConfigError("there is no policy `" + name + "` for missing features",
                          "`mask`, `drop` or `restrict_prior`");
    });
    read.finish();
    return options;
}

TrainingOptions to_training(const nb::dict& dict) {
    TrainingOptions options;
    Options read(dict, "training");
    read.read("training_batch_size", options.training_batch_size);
    read.read("learning_rate", options.learning_rate);
    read.read("validation_fraction", options.validation_fraction);
    read.read("stop_after_epochs", options.stop_after_epochs);
    read.read("max_num_epochs", options.max_num_epochs);
    read.read("clip_max_norm", options.clip_max_norm);
    read.read("final_learning_rate", options.final_learning_rate);
    read.read("discard_prior_samples", options.discard_prior_samples);
    read.read("retrain_from_scratch", options.retrain_from_scratch);
    read.read("seed", options.seed);
    read.finish();
    return options;
}

PosteriorOptions to_posterior_options(const nb::dict& dict) {
    PosteriorOptions options;
    Options read(dict, "the posterior");
    read.read_name("sample_with", options.sample_with, sample_method);
    read.read("num_chains", options.chains.num_chains);
    read.read("warmup_steps", options.chains.warmup_steps);
    read.read("thin", options.chains.thin);
    read.read("pool", options.pool);
    read.read("max_proposals", options.max_proposals);
    read.finish();
    return options;
}

// name, kind, numbers in SI, exponents of their dimension
using PriorArgument = std::tuple<std::string, std::string, std::vector<double>, Exponents>;

std::vector<ParameterPrior> to_priors(const std::vector<PriorArgument>& arguments) {
    std::vector<ParameterPrior> priors;
    for (const auto& [name, kind, v, exponents] : arguments) {
        const Dimension dimension = to_dimension(exponents);
        const auto need = [&, &name = name, &kind = kind, &v = v](std::size_t n) {
            if (v.size() != n) throw ConfigError(fmt::format("the {} prior of {} needs {} values", kind, name, n));
        };
        const auto at = [&, &v = v](std::size_t k) { return Quantity{v[k], dimension}; };
        if (kind == "uniform") {
            need(2);
            priors.push_back(uniform_prior(name, at(0), at(1)));
        } else if (kind == "log_uniform") {
            need(2);
            priors.push_back(log_uniform_prior(name, at(0), at(1)));
        } else if (kind == "normal") {
            need(2);
            priors.push_back(normal_prior(name, at(0), at(1)));
        } else if (kind == "truncated_normal") {
            need(4);
            priors.push_back(truncated_normal_prior(name, at(0), at(1), at(2), at(3)));
        } else if (kind == "log_normal") {
            need(2);
            priors.push_back(log_normal_prior(name, at(0), v[1]));
        } else {
            throw ConfigError(fmt::format("there is no prior `{}`", kind),
                              "`uniform`, `log_uniform`, `normal`, `truncated_normal` or `log_normal`");
        }
    }
    return priors;
}

// output, features: a name of features.hpp, or a name and a callable that gives a number for a trace (a NumPy array); whether the
// callable takes a block instead, traces x samples or a list of arrays of spike times, and gives an array
using FeatureArgument = std::tuple<std::string, std::vector<std::tuple<std::string, nb::object, bool>>>;

SummaryGroup own_group(const std::string& output, const std::string& name, nb::object function) {
    return own_feature(output, name, [held = shared(std::move(function))](const SummaryInput& input) {
        const nb::gil_scoped_acquire lock;
        const NumpyArray trace = to_numpy(std::vector<double>(input.values.begin(), input.values.end()));
        return nb::cast<double>((*held)(trace));
    });
}

SummaryGroup own_block_group(const std::string& output, const std::string& name, nb::object function) {
    const auto compute = [held = shared(std::move(function)), spikes = output == spikes_output](
                             std::span<const SummaryInput> inputs, std::span<double> values) {
        const nb::gil_scoped_acquire lock;
        nb::object block;
        if (spikes) {
            nb::list trains;
            for (const SummaryInput& input : inputs)
                trains.append(to_numpy(std::vector<double>(input.values.begin(), input.values.end())));
            block = trains;
        } else {
            Array2 traces(inputs.size(), inputs.front().values.size());
            for (std::size_t i = 0; i < inputs.size(); ++i) std::ranges::copy(inputs[i].values, traces.row(i).begin());
            block = nb::cast(to_numpy(std::move(traces)));
        }
        const auto result = nb::cast<Vector>((*held)(block));
        std::copy_n(result.data(), values.size(), values.data());  // as many: the Python side sees to that
    };
    return own_block_feature(output, name, compute);
}

SummaryGroup to_group(const FeatureArgument& argument, const std::vector<StimulusWindow>& stimuli,
                      const FeatureSettings& settings, double volts_per_unit) {
    const auto& [output, features] = argument;
    std::vector<SummaryGroup> parts;
    SummaryGroup group{.output = output};
    std::vector<std::string> run;  // names that are computed together
    const auto flush = [&, &output = output] {
        if (run.empty()) return;
        parts.push_back(electrophysiology(output, run, stimuli, settings, volts_per_unit));
        run.clear();
    };
    for (const auto& [name, function, block] : features) {
        group.names.push_back(name);
        if (function.is_none()) {
            run.push_back(name);
            continue;
        }
        flush();
        parts.push_back(block ? own_block_group(output, name, function) : own_group(output, name, function));
    }
    flush();
    const auto shared_parts = std::make_shared<const std::vector<SummaryGroup>>(std::move(parts));
    group.compute = [shared_parts](const SummaryInput& input, std::span<double> values) {
        std::size_t first = 0;
        for (const SummaryGroup& part : *shared_parts) {
            part.compute(input, values.subspan(first, part.names.size()));
            first += part.names.size();
        }
    };
    const auto takes_block = [](const SummaryGroup& part) { return static_cast<bool>(part.compute_block); };
    if (std::ranges::none_of(*shared_parts, takes_block)) return group;
    group.compute_block = [shared_parts](std::span<const SummaryInput> inputs, Array2& values) {
        std::size_t first = 0;
        for (const SummaryGroup& part : *shared_parts) {
            const std::size_t n = part.names.size();
            Array2 own(inputs.size(), n);
            if (part.compute_block) {
                part.compute_block(inputs, own);
            } else {
                for (std::size_t i = 0; i < inputs.size(); ++i) part.compute(inputs[i], own.row(i));
            }
            for (std::size_t i = 0; i < inputs.size(); ++i)
                std::ranges::copy(own.row(i), values.row(i).subspan(first, n).begin());
            first += n;
        }
    };
    return group;
}

using SharedPosterior = std::shared_ptr<Posterior>;

nb::dict report_of(const TrainingReport& report) {
    nb::dict dict;
    nb::list networks;
    for (const auto& network : report.networks) {
        nb::dict entry;
        entry["kind"] = network.kind;
        entry["weight"] = network.weight;
        entry["validation_loss"] = network.validation_loss;
        entry["epochs"] = network.epochs;
        entry["training_losses"] = to_numpy(network.training_losses);
        entry["validation_losses"] = to_numpy(network.validation_losses);
        networks.append(entry);
    }
    dict["networks"] = networks;
    dict["simulations"] = report.simulations;
    dict["missing"] = report.missing.summary();
    dict["summary"] = report.summary();
    return dict;
}

// What is known of a call that goes on: written by its threads, read by the one that waits for it.
class Watch {
  public:
    void simulated(std::size_t done, std::size_t total) {
        const std::scoped_lock lock(mutex_);
        done_ = total == total_ ? std::max(done_, done) : done;
        total_ = total;
        changed_ = true;
    }
    void trained(std::size_t network, std::size_t networks, const TrainingState& state) {
        const std::scoped_lock lock(mutex_);
        networks_ = networks;
        states_[network] = {state.epoch, state.best_epoch, state.validation_loss.back(), state.best_validation_loss,
                            state.finished};
        changed_ = true;
    }
    void clear() {
        const std::scoped_lock lock(mutex_);
        done_ = total_ = networks_ = 0;
        states_.clear();
        changed_ = false;
    }
    // simulated, of, networks, those in training (number -> epoch, best epoch, loss, best loss, finished), epochs without improvement after which
    // training stops. Empty if nothing is new.
    std::optional<nb::tuple> news() {
        const std::scoped_lock lock(mutex_);
        if (!std::exchange(changed_, false)) return {};
        nb::dict states;
        for (const auto& [network, s] : states_)
            states[nb::int_(network)] = nb::make_tuple(s.epoch, s.best_epoch, s.loss, s.best_loss, s.finished);
        return nb::make_tuple(done_, total_, networks_, states, stop_after_epochs);
    }

    std::size_t stop_after_epochs = 0;

  private:
    struct State {
        std::uint64_t epoch, best_epoch;
        double loss, best_loss;
        bool finished;
    };
    std::mutex mutex_;
    std::size_t done_ = 0, total_ = 0, networks_ = 0;
    std::map<std::size_t, State> states_;
    bool changed_ = false;
};

struct PythonInferencer {
    Inferencer inferencer;
    std::atomic<bool> cancelled{false};
    Watch watch{};
    nb::object progress = nb::none();

    template <class Work>
    auto run(const Work& work) {
        struct End {
            const nb::object& progress;
            ~End() {
                if (progress.is_none()) return;
                const nb::error_scope kept;  // an exception may be on its way
                try {
                    progress(nb::none());
                } catch (nb::python_error& error) {
                    error.discard_as_unraisable("spikesmith progress");
                }
            }
        };
        const End end{progress};
        watch.clear();
        return interruptible(cancelled, work, [this] {
            if (progress.is_none()) return;
            if (const auto news = watch.news()) progress(*news);
        });
    }
    [[nodiscard]] TrainingControl control() {
        return {.progress = [this](std::size_t network, std::size_t networks,
                                   const TrainingState& state) { watch.trained(network, networks, state); },
                .cancelled = &cancelled};
    }
    [[nodiscard]] SharedPosterior posterior() const { return std::make_shared<Posterior>(inferencer.posterior()); }
};

void bind_posterior(nb::module_& module) {
    nb::class_<Posterior>(module, "Posterior")
        .def_prop_ro("names", [](const Posterior& self) { return self.prior().names(); })
        .def_prop_ro("exponents",
                     [](const Posterior& self) {
                         std::vector<Exponents> list;
                         for (const auto& p : self.prior().parameters()) list.push_back(to_exponents(p.dimension));
                         return list;
                     })
        .def_prop_ro("bounds",
                     [](const Posterior& self) {
                         std::vector<std::pair<double, double>> list;
                         for (const auto& p : self.prior().parameters()) {
                             list.emplace_back(p.distribution.low(), p.distribution.high());
                         }
                         return list;
                     })
        .def_prop_ro(
            "observation", [](const Posterior& self) { return to_numpy(self.observation()); }, nb::rv_policy::move)
        .def_prop_ro("normalized", &Posterior::normalized)
        .def(
            "sample",
            [](const Posterior& self, std::size_t n, std::uint64_t seed) {
                std::atomic<bool> cancelled = false;
                return to_numpy(
                    interruptible(cancelled, [&] { return self.sample(n, seed, {.cancelled = &cancelled}); }));
            },
            nb::arg("n"), nb::arg("seed"),
            nb::sig("def sample(self, n: int, seed: int) -> numpy.typing.NDArray[numpy.float64]"))
        .def(
            "log_prob",
            [](const Posterior& self, const Matrix& theta) {
                const Array2 rows = to_array(theta);
                std::vector<double> values;
                {
                    const nb::gil_scoped_release unlocked;
                    values = self.log_prob(rows);
                }
                return to_numpy(std::move(values));
            },
            nb::arg("theta"),
            nb::sig("def log_prob(self, theta: numpy.typing.NDArray[numpy.float64]) -> "
                    "numpy.typing.NDArray[numpy.float64]"))
        .def(
            "map",
            [](const Posterior& self, std::size_t num_starts, std::size_t max_steps, std::uint64_t seed) {
                std::atomic<bool> cancelled = false;
                const MapOptions options{.num_starts = num_starts, .max_steps = max_steps, .seed = seed};
                const Modes modes =
                    interruptible(cancelled, [&] { return self.map(options, {.cancelled = &cancelled}); });
                std::vector<std::tuple<std::vector<double>, double, std::size_t>> list;
                for (const auto& mode : modes.modes) list.emplace_back(mode.theta, mode.log_density, mode.starts);
                return list;
            },
            nb::arg("num_starts"), nb::arg("max_steps"), nb::arg("seed"))
        .def(
            "given",
            [](const Posterior& self, const Matrix& observation) {
                return std::make_shared<Posterior>(self.given(to_array(observation)));
            },
            nb::arg("observation"))
        .def(
            "save", [](const Posterior& self, const std::string& path) { self.save(path); }, nb::arg("path"))
        .def_static(
            "load", [](const std::string& path) { return std::make_shared<Posterior>(Posterior::load(path)); },
            nb::arg("path"));
}

}  // namespace

void bind_inference(nb::module_& module) {
    bind_posterior(module);
    module.def(
        "prior_sample",
        [](const std::vector<PriorArgument>& priors, std::size_t n, std::uint64_t seed) {
            return to_numpy(Prior(to_priors(priors)).sample(n, seed));
        },
        nb::arg("priors"), nb::arg("n"), nb::arg("seed"),
        nb::sig("def prior_sample(priors: collections.abc.Sequence[typing.Any], n: int, seed: int) -> "
                "numpy.typing.NDArray[numpy.float64]"));
    module.def(
        "prior_log_density",
        [](const std::vector<PriorArgument>& priors, const Matrix& theta) {
            const Prior prior(to_priors(priors));
            std::vector<double> values;
            for (std::size_t i = 0; i < theta.shape(0); ++i) {
                values.push_back(prior.log_density({theta.data() + i * theta.shape(1), theta.shape(1)}));
            }
            return to_numpy(std::move(values));
        },
        nb::arg("priors"), nb::arg("theta"),
        nb::sig("def prior_log_density(priors: collections.abc.Sequence[typing.Any], theta: "
                "numpy.typing.NDArray[numpy.float64]) "
                "-> numpy.typing.NDArray[numpy.float64]"));
    nb::class_<PythonInferencer>(module, "Inferencer")
        .def(
            "__init__",
            [](PythonInferencer* self, const Model& model, const std::vector<SeriesArgument>& inputs,
               const std::vector<SeriesArgument>& outputs, const std::optional<std::vector<Vector>>& spikes, double dt,
               double duration, const std::vector<FeatureArgument>& features, const Windows& windows,
               const std::string& mode, const std::map<std::string, double>& settings, double volts_per_unit,
               std::string method, int threads, std::uint64_t seed) {
                InferencerOptions options;
                options.model = model;
                options.recordings = to_recordings(inputs, outputs, spikes, dt, duration);
                const auto stimuli = to_windows(windows);
                const FeatureSettings feature_settings = to_settings(mode, settings);
                for (const auto& group : features) {
                    options.features.push_back(to_group(group, stimuli, feature_settings, volts_per_unit));
                }
                options.method = std::move(method);
                options.threads = threads;
                options.seed = seed;
                options.simulations = {
                    .progress = [self](std::size_t done, std::size_t total) { self->watch.simulated(done, total); },
                    .cancelled = &self->cancelled};
                Inferencer inferencer = [&] {
                    const nb::gil_scoped_release unlocked;
                    return Inferencer(std::move(options));
                }();
                new (self) PythonInferencer{std::move(inferencer)};
            },
            nb::kw_only(), nb::arg("model"), nb::arg("inputs"), nb::arg("outputs"), nb::arg("spikes").none(),
            nb::arg("dt"), nb::arg("duration"), nb::arg("features"), nb::arg("windows"), nb::arg("mode"),
            nb::arg("settings"), nb::arg("volts_per_unit"), nb::arg("method"), nb::arg("threads"), nb::arg("seed"))
        .def_prop_ro(
            "observation", [](const PythonInferencer& self) { return to_numpy(self.inferencer.observation()); },
            nb::rv_policy::move)
        .def_prop_ro("feature_names", [](const PythonInferencer& self) { return self.inferencer.feature_names(); })
        .def_prop_ro("warnings", [](const PythonInferencer& self) { return self.inferencer.data().warnings; })
        .def_rw(
            "progress", &PythonInferencer::progress, nb::arg().none(),
            "Called while work goes on with (simulated, of, networks, {network: (epoch, best epoch, loss, best loss, "
            "finished)}, stop_after_epochs); at its end with None.")
        .def_prop_ro("n_simulations", [](const PythonInferencer& self) { return self.inferencer.n_simulations(); })
        .def_prop_ro("posterior", &PythonInferencer::posterior)
        .def_prop_ro(
            "choice",
            [](const PythonInferencer& self) -> std::optional<nb::dict> {
                const auto& choice = self.inferencer.choice();
                if (!choice) return {};
                nb::dict dict;
                dict["method"] = name_of(choice->method);
                dict["reason"] = choice->reason();
                nb::dict scores;
                for (const auto& candidate : choice->candidates)
                    scores[name_of(candidate.method).c_str()] = candidate.score;
                dict["scores"] = scores;
                return dict;
            },
            nb::for_getter(nb::sig("def choice(self, /) -> dict[str, typing.Any] | None")))
        .def_prop_ro(
            "reports",
            [](const PythonInferencer& self) {
                nb::list list;
                for (const auto& report : self.inferencer.reports()) list.append(report_of(report));
                return list;
            },
            nb::for_getter(nb::sig("def reports(self, /) -> list[dict[str, typing.Any]]")))
        .def("init_prior",
             [](PythonInferencer& self, const std::vector<PriorArgument>& priors) {
                 self.inferencer.init_prior(to_priors(priors));
             })
        .def(
            "generate_training_data",
            [](PythonInferencer& self, std::size_t n) {
                return to_numpy(self.run([&] { return self.inferencer.generate_training_data(n); }));
            },
            nb::arg("n_samples"),
            nb::sig("def generate_training_data(self, n_samples: int) -> numpy.typing.NDArray[numpy.float64]"))
        .def(
            "extract_summary_statistics",
            [](PythonInferencer& self, const Matrix& theta) {
                const Array2 rows = to_array(theta);
                return to_numpy(self.run([&] { return self.inferencer.extract_summary_statistics(rows); }));
            },
            nb::arg("theta"),
            nb::sig("def extract_summary_statistics(self, theta: numpy.typing.NDArray[numpy.float64]) -> "
                    "numpy.typing.NDArray[numpy.float64]"))
        .def(
            "set_summary_statistics",
            [](PythonInferencer& self, const Matrix& theta, const Matrix& x, bool from_proposal) {
                self.inferencer.set_summary_statistics(to_array(theta), to_array(x),
                                                       from_proposal ? SimulatedFrom::proposal : SimulatedFrom::prior);
            },
            nb::arg("theta"), nb::arg("x"), nb::arg("from_proposal"))
        .def(
            "init_inference",
            [](PythonInferencer& self, const std::string& method, const std::vector<std::string>& models,
               const nb::dict& options) {
                self.inferencer.init_inference(to_inference(method, models, options), means_automatic(method));
            },
            nb::arg("method"), nb::arg("models"), nb::arg("options"),
            nb::sig("def init_inference(self, method: str, models: collections.abc.Sequence[str], options: dict[str, "
                    "typing.Any]) -> "
                    "None"))
        .def(
            "train",
            [](PythonInferencer& self, const nb::dict& training) {
                const TrainingOptions options = to_training(training);
                self.watch.stop_after_epochs = options.stop_after_epochs;
                return report_of(self.run([&] { return self.inferencer.train(options, self.control()); }));
            },
            nb::arg("training"), nb::sig("def train(self, training: dict[str, typing.Any]) -> dict[str, typing.Any]"))
        .def(
            "build_posterior",
            [](PythonInferencer& self, const nb::dict& posterior) {
                const PosteriorOptions options = to_posterior_options(posterior);
                self.inferencer.build_posterior(options);
                return self.posterior();
            },
            nb::arg("posterior"), nb::sig("def build_posterior(self, posterior: dict[str, typing.Any]) -> Posterior"))
        .def(
            "infer",
            [](PythonInferencer& self, const std::vector<PriorArgument>& priors, std::size_t n_samples,
               std::size_t n_rounds, const std::string& method, const std::vector<std::string>& models,
               const nb::dict& inference, const nb::dict& training, const nb::dict& posterior, bool assess) {
                const InferOptions options{.prior = to_priors(priors),
                                           .n_samples = n_samples,
                                           .n_rounds = n_rounds,
                                           .inference = to_inference(method, models, inference),
                                           .automatic = means_automatic(method),
                                           .training = to_training(training),
                                           .posterior = to_posterior_options(posterior),
                                           .assess = assess,
                                           .control = self.control()};
                self.watch.stop_after_epochs = options.training.stop_after_epochs;
                self.run([&] { return &self.inferencer.infer(options); });
                return self.posterior();
            },
            nb::kw_only(), nb::arg("priors"), nb::arg("n_samples"), nb::arg("n_rounds"), nb::arg("method"),
            nb::arg("models"), nb::arg("inference"), nb::arg("training"), nb::arg("posterior"), nb::arg("assess"),
            nb::sig("def infer(self, *, priors: collections.abc.Sequence[typing.Any], n_samples: int, n_rounds: int, "
                    "method: str, "
                    "models: collections.abc.Sequence[str], inference: dict[str, typing.Any], training: dict[str, "
                    "typing.Any], "
                    "posterior: dict[str, typing.Any], assess: bool) -> Posterior"))
        .def(
            "load_posterior",
            [](PythonInferencer& self, const std::string& path) {
                self.inferencer.load_posterior(path);
                return self.posterior();
            },
            nb::arg("path"))
        .def(
            "generate_traces",
            [](PythonInferencer& self, std::size_t n, const std::vector<std::string>& outputs) {
                PredictiveTraces traces = self.run([&] { return self.inferencer.generate_traces(n, outputs); });
                nb::dict dict;
                for (auto& output : traces.outputs) {
                    nb::list draws;
                    for (auto& array : output.traces) draws.append(to_numpy(std::move(array)));
                    nb::dict entry;
                    entry["traces"] = draws;
                    entry["mean"] = to_numpy(std::move(output.mean));
                    entry["median"] = to_numpy(std::move(output.median));
                    entry["low"] = to_numpy(std::move(output.low));
                    entry["high"] = to_numpy(std::move(output.high));
                    entry["exponents"] = to_exponents(output.dimension);
                    dict[output.name.c_str()] = entry;
                }
                return nb::make_tuple(to_numpy(std::move(traces.theta)), dict);
            },
            nb::arg("n"), nb::arg("outputs"),
            nb::sig("def generate_traces(self, n: int, outputs: collections.abc.Sequence[str]) -> "
                    "tuple[numpy.typing.NDArray[numpy.float64], dict[str, dict[str, typing.Any]]]"))
        .def(
            "assess",
            [](PythonInferencer& self, std::optional<std::size_t> pairs, std::size_t predictions) {
                const AssessmentOptions options{
                    .pairs = pairs, .predictions = predictions, .calibration = {.cancelled = &self.cancelled}};
                self.run([&] { return &self.inferencer.assess(options); });
            },
            nb::arg("pairs").none(), nb::arg("predictions"))
        .def_prop_ro(
            "assessment",
            [](const PythonInferencer& self) -> std::optional<std::pair<std::string, bool>> {
                const auto& made = self.inferencer.assessment();
                if (!made) return {};
                return std::pair(made->summary(), made->trustworthy());
            },
            "Summary, whether it is trustworthy; of the last `infer` or `assess`.")
        .def(
            "calibrate",
            [](PythonInferencer& self, std::size_t pairs) {
                const CalibrationReport report =
                    self.run([&] { return self.inferencer.calibrate(pairs, {.cancelled = &self.cancelled}); });
                std::vector<std::pair<std::string, std::vector<double>>> ranks;
                for (const auto& test : report.ranks) ranks.emplace_back(test.name, test.values);
                return std::tuple{report.summary(), ranks, report.coverage.values};
            },
            nb::arg("pairs"), "Summary, ranks by parameter, coverage values.")
        .def(
            "check_predictions",
            [](PythonInferencer& self, std::size_t draws) {
                const PredictiveCheck check = self.run([&] { return self.inferencer.check_predictions(draws); });
                return std::tuple{check.summary(), check.passed, check.p_value};
            },
            nb::arg("draws"), "Summary, whether it passed, p-value.");
}

}  // namespace spikesmith::python
