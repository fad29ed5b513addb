#include "spikesmith/cli/program.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <ostream>
#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/config.hpp"
#include "spikesmith/core/version.hpp"

namespace spikesmith {
namespace {

using Command = int (*)(const Config&, const CommandOptions&, const ProgramStreams&);

// What the user wrote for one command; the values of --seed and the like are checked by the configuration reader, as if they
// stood in the file.
struct CommandLine {
    std::string config;
    std::vector<std::string> settings;
    std::optional<std::string> seed, threads, width, precision, folder, from, params, points, sample;
    bool json = false;
    bool quiet = false;
    bool force = false;
    bool resume = false;
};

// What a command has besides the common options.
struct Abilities {
    bool writes = true;             // a run folder
    bool resumes = false;           // a run
    const char* follows = nullptr;  // another run, by --from: what is taken from it
    bool samples = false;           // a posterior
    bool draws_two = false;         // a landscape of two parameters
};

void add_options(CLI::App& app, CommandLine& line, const Abilities& can) {
    app.add_option("config", line.config, "The experiment: a TOML file (docs/config.md)")
        ->required()
        ->type_name("CONFIG.toml");
    app.add_option("--set", line.settings, "Replace a value of the file, e.g. fit.n_rounds=20; may be repeated")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    app.add_option("--seed", line.seed, "Seed of everything random (default: run.seed of the file, else 0)")
        ->type_name("N")
        ->take_last();
    app.add_option("--threads", line.threads, "Threads; results do not depend on it (default: all cores)")
        ->type_name("N")
        ->take_last();
    if (can.follows != nullptr) {
        app.add_option("--from", line.from, can.follows)->type_name("RUN")->take_last();
    }
    if (can.samples) {
        app.add_option("--sample", line.sample, "Samples of the posterior (default: 10000)")
            ->type_name("N")
            ->take_last();
    }
    if (can.draws_two) {
        app.add_option("--params", line.params, "The two parameters, e.g. g_na,g_kd")->type_name("A,B")->take_last();
        app.add_option("--points", line.points, "Points along each of them (default: 41)")->type_name("N")->take_last();
    }
    if (can.writes) {
        app.add_option("--out", line.folder, "Folder of this run (default: runs/NAME-N, N counting up)")
            ->type_name("DIR")
            ->take_last();
        app.add_flag("--force", line.force, "Replace an earlier run in that folder");
        if (can.resumes) {
            app.add_flag("--resume", line.resume,
                         "Go on from the checkpoint of the run in that folder (default: the last run)");
        }
    }
    app.add_flag("--json", line.json, "Print one JSON object and nothing else");
    app.add_flag("--quiet", line.quiet,
                 can.writes ? "Print no progress and no report" : "Print nothing if all is well");
    app.add_option("--width", line.width, "Numbers per SIMD vector: 1, 2, 4, 8 (default: the widest of this machine)")
        ->type_name("N")
        ->group("Advanced")
        ->take_last();
    app.add_option("--precision", line.precision, "double (default) or single")
        ->type_name("WORD")
        ->group("Advanced")
        ->take_last();
}

// The same for `features`.
struct FeaturesLine {
    FeaturesRequest request;
    std::vector<std::string> settings, stimuli, currents;
    std::optional<std::string> mode, features;
};

void add_features_options(CLI::App& app, FeaturesLine& line) {
    FeaturesRequest& request = line.request;
    app.add_option("file", request.file, "An experiment (docs/config.md), or a recording: .csv, .npy, .npz, ...")
        ->type_name("CONFIG.toml|FILE");
    app.add_option("--stimulus", line.stimuli, "When the stimulus starts and ends; repeated: one for each trace")
        ->type_name("START,END")
        ->expected(1)
        ->take_all();
    app.add_option("--mode", line.mode, "efel (default) or native: docs/features.md")->type_name("WORD")->take_last();
    app.add_option("--features", line.features, "Which features (default: all)")->type_name("NAME,...")->take_last();
    app.add_option("--set", line.settings, "Change a setting, e.g. features.threshold=-30; may be repeated")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    app.add_option("--stimulus-current", line.currents, "Amplitude of the step; repeated: one for each trace")
        ->type_name("CURRENT")
        ->expected(1)
        ->take_all();
    app.add_option("--unit", request.unit, "Unit of the numbers, if the file does not say it: mV")->type_name("UNIT");
    app.add_option("--dt", request.dt, "Time between samples, if the file does not say it: \"0.1 ms\"")
        ->type_name("TIME");
    app.add_option("--key", request.key, "Which array of an .npz file")->type_name("NAME");
    app.add_option("--columns", request.columns, "Which columns of a text file, by name or number")
        ->type_name("NAME,...")
        ->delimiter(',');
    app.add_flag("--spikes", request.spikes, "The file has spike times: features of times and intervals only");
    app.add_flag("--list", request.list, "Say what features there are, with units and definitions");
    app.add_flag("--json", request.json, "Print one JSON object and nothing else");
}

// "a, b" as the elements of a TOML array of strings.
std::string toml_strings(const std::string& list) {
    std::vector<std::string> quoted;
    std::istringstream stream(list);
    for (std::string item; std::getline(stream, item, ',');) {
        item.erase(0, item.find_first_not_of(' '));
        item.erase(item.find_last_not_of(' ') + 1);
        if (item.find_first_of("\"\\\n") != std::string::npos) {
            throw ConfigError(fmt::format("`{}` has characters that do not belong there", item));
        }
        quoted.push_back(fmt::format("\"{}\"", item));
    }
    return fmt::format("{}", fmt::join(quoted, ", "));
}

FeaturesRequest request_of(FeaturesLine line) {
    const auto add = [&](const std::string& assignment, const char* option) {
        line.request.overrides.push_back({assignment, option});
    };
    for (const auto& setting : line.settings) add(setting, "--set");
    if (line.mode) add("features.mode=" + *line.mode, "--mode");
    if (line.features) add(fmt::format("features.list=[{}]", toml_strings(*line.features)), "--features");
    const auto joined = [](const std::vector<std::string>& items, const char* pattern) {
        std::vector<std::string> parts;
        for (const auto& item : items) parts.push_back(fmt::format(fmt::runtime(pattern), toml_strings(item)));
        return fmt::format("[{}]", fmt::join(parts, ", "));
    };
    if (!line.stimuli.empty()) add("features.stimuli=" + joined(line.stimuli, "[{}]"), "--stimulus");
    if (!line.currents.empty()) add("features.stimulus_currents=" + joined(line.currents, "{}"), "--stimulus-current");
    return line.request;
}

std::vector<Override> overrides_of(const CommandLine& line) {
    std::vector<Override> overrides;
    for (const auto& setting : line.settings) overrides.push_back({setting, "--set"});
    const auto add = [&](const std::optional<std::string>& value, const char* key, const char* option) {
        if (value) overrides.push_back({fmt::format("run.{}={}", key, *value), option});
    };
    add(line.seed, "seed", "--seed");
    add(line.threads, "threads", "--threads");
    add(line.width, "width", "--width");
    add(line.precision, "precision", "--precision");
    if (line.params) {
        std::string names;
        for (const char c : *line.params) names += c == ',' ? std::string("\", \"") : std::string(1, c);
        overrides.push_back({fmt::format("landscape.parameters=[\"{}\"]", names), "--params"});
    }
    if (line.sample) overrides.push_back({fmt::format("infer.n_posterior_samples={}", *line.sample), "--sample"});
    if (line.points) overrides.push_back({fmt::format("landscape.points={}", *line.points), "--points"});
    return overrides;
}

// A wrong command line in our words, with what might have been meant.
[[noreturn]] void fail_command_line(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const CLI::App& scope = chosen.empty() ? app : *chosen.front();
    std::string help =
        chosen.empty() ? "see `spikesmith --help`" : fmt::format("see `spikesmith {} --help`", scope.get_name());
    const auto extras = app.remaining(true);
    if (!extras.empty()) {
        std::vector<std::string> words;
        for (const auto* option : scope.get_options()) {
            for (const auto& name : option->get_lnames()) words.push_back("--" + name);
        }
        if (chosen.empty()) {
            for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
                words.push_back(command->get_name());
        }
        const bool command = chosen.empty() && !extras.front().starts_with('-');
        const std::string hint = did_you_mean(extras.front(), words);
        throw ConfigError(fmt::format("unknown {} `{}`", command ? "command" : "argument", extras.front()),
                          hint.empty() ? help : hint);
    }
    std::string message = error.what();
    message.erase(message.find_last_not_of(".\n") + 1);
    throw ConfigError(std::move(message), std::move(help));
}

int print_error(const ProgramStreams& streams, const Error& error) {
    streams.error << "error: " << error.what() << '\n';
    return exit_code::wrong_input;
}

int run(std::span<const std::string> arguments, const ProgramStreams& streams) {
    CLI::App app{"Finds the parameters of neuron models from recordings.", "spikesmith"};
    app.set_version_flag("--version", fmt::format("spikesmith {}", version));
    app.require_subcommand(1);
    app.get_formatter()->column_width(26);
    app.footer(
        "Examples:\n"
        "  spikesmith check examples/hodgkin_huxley/config.toml\n"
        "  spikesmith fit examples/hodgkin_huxley/config.toml --seed 3 --set fit.n_rounds=20\n"
        "  spikesmith COMMAND --help");

    struct Entry {
        Command command;
        CLI::App* app;
        CommandLine line;
    };
    std::vector<Entry> entries;
    entries.reserve(6);  // the options hold references to the lines
    const auto add = [&](const char* name, Command command, const Abilities& can, const char* description,
                         const char* examples) {
        CLI::App* sub = app.add_subcommand(name, description);
        entries.push_back({command, sub, {}});
        add_options(*sub, entries.back().line, can);
        sub->footer(examples);
    };
    constexpr const char* best_of_fit = "The run folder of a fit whose best parameters are the start";
    add("check", check_command, {.writes = false},
        "Show the model, the integration method and the program of one step; run nothing",
        "Examples:\n"
        "  spikesmith check config.toml\n"
        "  spikesmith check config.toml --set model.method=rk4");
    add("simulate", simulate_command, {}, "Run the model with given parameters; write traces and spikes",
        "Examples:\n"
        "  spikesmith simulate config.toml\n"
        "  spikesmith simulate config.toml --set 'simulate.parameters.g_na=30 uS' --set simulate.csv=true --out "
        "runs/more_sodium");
    add("fit", fit_command, {.resumes = true}, "Find the parameters that reproduce the recordings",
        "Examples:\n"
        "  spikesmith fit config.toml\n"
        "  spikesmith fit config.toml --seed 3 --threads 2 --set fit.n_rounds=20 --out runs/third\n"
        "  spikesmith fit config.toml --out runs/third --resume\n"
        "  spikesmith fit config.toml --json --quiet > result.json");
    add("refine", refine_command, {.follows = best_of_fit},
        "Find the optimum near the best parameters of a fit, with standard errors",
        "Examples:\n"
        "  spikesmith refine config.toml --from runs/third\n"
        "  spikesmith refine config.toml --set 'refine.start={g = \"10 nS\"}' --out runs/refined");
    add("landscape", landscape_command, {.follows = best_of_fit, .draws_two = true},
        "Draw error and gradient over two parameters, the others held",
        "Examples:\n"
        "  spikesmith landscape config.toml --params g_na,g_kd --from runs/third\n"
        "  spikesmith landscape config.toml --params g_na,g_kd --points 61 --set 'landscape.ranges={g_na = [\"10 uS\", "
        "\"30 uS\"]}' --from runs/third");
    add("infer", infer_command,
        {.resumes = true, .follows = "The run folder of an inference whose posterior is sampled", .samples = true},
        "Find which parameters are compatible with the recordings: the posterior",
        "Examples:\n"
        "  spikesmith infer config.toml\n"
        "  spikesmith infer config.toml --set infer.n_samples=20000 --out runs/posterior\n"
        "  spikesmith infer config.toml --out runs/posterior --resume\n"
        "  spikesmith infer config.toml --from runs/posterior --sample 100000");

    FeaturesLine features_line;
    CLI::App* features = app.add_subcommand("features", "Print electrophysiological features of recordings");
    add_features_options(*features, features_line);
    features->footer(
        "Examples:\n"
        "  spikesmith features sweep.csv --stimulus \"100 ms, 600 ms\" --mode native\n"
        "  spikesmith features sweeps.npy --unit mV --dt \"0.1 ms\" --stimulus 0.7s,2.7s --features "
        "spike_count,AP_amplitude --json\n"
        "  spikesmith features config.toml --set features.threshold=-30\n"
        "  spikesmith features --list");

    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 wants the last argument first
        app.parse(std::move(reversed));
    } catch (const CLI::Success& wanted) {  // --help, --version
        std::ostringstream unused;
        app.exit(wanted, streams.out, unused);
        return exit_code::success;
    } catch (const CLI::ParseError& error) {
        fail_command_line(app, error);
    }

    if (features->parsed()) return features_command(request_of(std::move(features_line)), streams);
    const auto chosen =
        std::find_if(entries.begin(), entries.end(), [](const Entry& entry) { return entry.app->parsed(); });
    const CommandLine& line = chosen->line;
    Config config = read_config(line.config, overrides_of(line));
    if (line.folder) {
        if (line.folder->empty()) throw ConfigError("--out names no folder");
        config.run.folder = *line.folder;
    }
    CommandOptions options;
    options.command_line = fmt::format("spikesmith {}", fmt::join(arguments, " "));
    options.json = line.json;
    options.quiet = line.quiet || line.json;
    options.replace = line.force;
    options.resume = line.resume;
    if (line.from) options.from = *line.from;
    if (options.resume && options.from) throw ConfigError("--resume and --from exclude each other");
    if (options.resume && options.replace) throw ConfigError("--resume and --force exclude each other");
    return chosen->command(config, options, streams);
}

}  // namespace

int run_program(std::span<const std::string> arguments, const ProgramStreams& streams) {
    try {
        const int code = run(arguments, streams);
        streams.out.flush();
        if (!streams.out) {
            streams.error << "error: cannot write to standard output\n";
            return exit_code::own_failure;
        }
        return code;
    } catch (const Interrupted& error) {
        streams.error << "interrupted: " << error.what() << '\n';
        return exit_code::interrupted;
    } catch (const Error& error) {
        return print_error(streams, error);
    } catch (const std::bad_alloc&) {
        streams.error << "error: out of memory\n";
        return exit_code::own_failure;
    } catch (const std::exception& error) {
        streams.error << "error: " << error.what()
                      << "\nThis is a defect of spikesmith; please report it with the configuration.\n";
        return exit_code::own_failure;
    }
}

}  // namespace spikesmith
