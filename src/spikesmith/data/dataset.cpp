#include "spikesmith/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double equal_interval = 1e-6;  // relative: sampling intervals that differ by less are the same one

struct Role {
    const Series* series;
    bool input;
};

std::vector<Role> roles(const Dataset& dataset) {
    std::vector<Role> out;
    for (const auto& series : dataset.outputs) out.push_back({&series, false});
    for (const auto& series : dataset.inputs) out.push_back({&series, true});
    return out;
}

std::string label(const Role& role) {
    return fmt::format("{} `{}`", role.input ? "input" : "output", role.series->name);
}

std::string shape(const Role& role, bool short_form = false) {
    const auto& values = role.series->values;
    return short_form
               ? fmt::format("{} of {}", values.rows, values.columns)
               : fmt::format("{} trace{} of {} samples", values.rows, values.rows == 1 ? "" : "s", values.columns);
}

[[noreturn]] void fail(const Role& role, std::string message, std::string hint = {}) {
    throw DataError(Diagnostic{.message = std::move(message), .source = role.series->source, .hint = std::move(hint)});
}

// "output `v` has 5 traces of 1497 samples, input `I` has 5 of 1500"
[[noreturn]] void disagree(const Role& a, const Role& b, std::string hint) {
    fail(a, fmt::format("{} has {}, {} has {}", label(a), shape(a), label(b), shape(b, true)), std::move(hint));
}

double interval(const Role& role, const Dataset& dataset) {
    return role.series->dt > 0 ? role.series->dt : dataset.dt;
}

bool same_interval(double a, double b) {
    return std::abs(a - b) <= equal_interval * std::max(a, b);
}

void check_series(const Role& role) {
    const Array2& values = role.series->values;
    if (role.series->name.empty()) fail(role, role.input ? "an input has no name" : "an output has no name");
    if (values.values.size() != values.rows * values.columns)
        fail(role, fmt::format("{} has {} numbers for {}", label(role), values.values.size(), shape(role)));
    if (values.empty()) fail(role, fmt::format("{} has no samples", label(role)));
    if (!(role.series->dt >= 0) || std::isinf(role.series->dt))
        fail(role, fmt::format("the sampling interval of {} is not positive", label(role)));
    if ((!role.series->trace_dt.empty() && role.series->trace_dt.size() != values.rows) ||
        (!role.series->trace_samples.empty() && role.series->trace_samples.size() != values.rows))
        fail(role, fmt::format("{} has intervals or lengths for another number of traces", label(role)));
    for (std::size_t r = 0; r < values.rows; ++r) {
        const std::size_t samples = role.series->samples(r);
        if (samples == 0 || samples > values.columns)
            fail(role, fmt::format("trace {} of {} has {} of {} samples", r + 1, label(role), samples, values.columns));
        const auto trace = values.row(r).first(samples);
        const auto bad = std::ranges::find_if_not(trace, [&](double v) {
            return std::isfinite(v) || (std::isnan(v) && !role.input);  // gaps
        });
        if (bad == trace.end()) continue;
        fail(role,
             fmt::format("{} is {} at trace {}, sample {}", label(role), std::isnan(*bad) ? "nan" : "infinite", r + 1,
                         bad - trace.begin() + 1),
             role.input ? "every sample of a stimulus must be a number" : "samples must be finite, or NaN in gaps");
    }
}

}  // namespace

std::size_t Dataset::n_traces() const {
    return !outputs.empty() ? outputs[0].values.rows : !inputs.empty() ? inputs[0].values.rows : 0;
}

std::size_t Dataset::n_steps() const {
    return !outputs.empty() ? outputs[0].values.columns : !inputs.empty() ? inputs[0].values.columns : 0;
}

const Series* Dataset::find_input(std::string_view name) const {
    const auto found = std::find_if(inputs.begin(), inputs.end(), [name](const Series& s) { return s.name == name; });
    return found == inputs.end() ? nullptr : &*found;
}

const Series* Dataset::find_output(std::string_view name) const {
    const auto found = std::find_if(outputs.begin(), outputs.end(), [name](const Series& s) { return s.name == name; });
    return found == outputs.end() ? nullptr : &*found;
}

void check_dataset(const Dataset& dataset) {
    if (!(dataset.dt > 0) || std::isinf(dataset.dt))
        throw DataError("the sampling interval dt of the data must be positive", "for example `0.1 ms`");
    const auto all = roles(dataset);
    if (all.empty()) throw DataError("the data have neither inputs nor outputs");
    std::set<std::string> seen;
    for (const auto& role : all) {
        check_series(role);
        if (!seen.insert(label(role)).second) fail(role, fmt::format("{} is given twice", label(role)));
    }
    const Role& first = all.front();
    for (const auto& role : all) {
        if (role.series->values.rows != first.series->values.rows)
            disagree(first, role, "each stimulus needs one response; is an array transposed? see `orientation`");
        if (!role.series->uniform() || !first.series->uniform()) continue;  // compared trace by trace later
        const bool sampled_alike = same_interval(interval(role, dataset), interval(first, dataset));
        if (sampled_alike && role.series->values.columns != first.series->values.columns)
            disagree(first, role, "cut or pad them to the same length");
        if (!sampled_alike && role.input && !dataset.outputs.empty()) {
            const double lasts = interval(role, dataset) * static_cast<double>(role.series->values.columns);
            const double needed = interval(first, dataset) * static_cast<double>(dataset.n_steps());
            if (lasts < needed - 1e-6 * needed) {
                fail(role,
                     fmt::format("{} lasts {:.6g} ms, {} lasts {:.6g} ms", label(role), 1e3 * lasts, label(first),
                                 1e3 * needed),
                     "an input must last at least as long as the outputs");
            }
        }
    }
}

}  // namespace spikesmith
