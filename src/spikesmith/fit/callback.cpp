#include "spikesmith/fit/callback.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

namespace spikesmith {

namespace {

std::string duration(double seconds) {
    const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string best_error(const RoundReport& report) {
    if (!report.best) return "no finite error yet";
    return "best error " + format_quantity({report.best->error, report.error_dimension});
}

std::string failures(const RoundReport& report) {
    return report.n_failed == 0 ? std::string{}
                                : fmt::format(", {} of {} failed", report.n_failed, report.n_evaluations);
}

void draw_bar(std::ostream& out, const RoundReport& report) {
    constexpr std::size_t width = 24;
    const std::size_t done = report.round + 1;
    const std::size_t filled = width * done / report.n_rounds;
    const bool last = done == report.n_rounds;
    const std::string time = last ? duration(report.elapsed_seconds) : duration(report.remaining_seconds) + " left";
    out << fmt::format("\r\x1b[K[{:#<{}}{: <{}}] {}/{}  {}{}, {}", "", filled, "", width - filled, done,
                       report.n_rounds, best_error(report), failures(report), time);
    if (last) out << '\n';
    out.flush();
}

void write_line(std::ostream& out, const RoundReport& report) {
    const std::size_t done = report.round + 1;
    const std::size_t every = std::max<std::size_t>(1, (report.n_rounds + 19) / 20);
    if (done % every != 0 && done != report.n_rounds) return;
    out << fmt::format("round {}/{}: {}{}", done, report.n_rounds, best_error(report), failures(report));
    if (done != report.n_rounds) out << ", " << duration(report.remaining_seconds) << " left";
    out << '\n';
    out.flush();
}

}  // namespace

FitCallback text_callback(std::ostream& out) {
    return [&out](const RoundReport& report) {
        const std::string head = fmt::format("Round {}: ", report.round);
        if (report.best) {
            out << head << "Best parameters " << describe_parameters(report.parameters) << '\n'
                << std::string(head.size(), ' ')
                << "Best error: " << describe_error(*report.best, report.error_dimension) << '\n';
        } else {
            out << head << no_best_message(report.n_evaluations) << '\n';
        }
        return CallbackAction::proceed;
    };
}

FitCallback progress_bar(std::ostream& out, bool terminal) {
    return [&out, terminal](const RoundReport& report) {
        if (terminal) {
            draw_bar(out, report);
        } else {
            write_line(out, report);
        }
        return CallbackAction::proceed;
    };
}

bool is_terminal(int descriptor) {
    return ::isatty(descriptor) == 1;
}

}  // namespace spikesmith
