#include "spikesmith/cli/infer_progress.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "spikesmith/report/text_table.hpp"

namespace spikesmith {
namespace {

std::string duration_text(double seconds) {
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    return fmt::format("{:.0f} min", seconds / 60);
}

}  // namespace

InferProgress::InferProgress(std::ostream& stream, bool terminal, bool quiet, std::size_t n_rounds)
    : stream_(stream), terminal_(terminal), quiet_(quiet), n_rounds_(n_rounds) {}

double InferProgress::seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
}

void InferProgress::start_part() {
    start_ = Clock::now();
    first_epochs_.clear();
}

void InferProgress::show(const std::string& line, bool always) {
    if (quiet_ || !terminal_) return;
    const auto now = Clock::now();
    if (!always && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    const std::size_t width = display_width(line);
    stream_ << '\r' << line << std::string(width_ > width ? width_ - width : 0, ' ') << std::flush;
    width_ = width;
}

void InferProgress::print(const std::string& line) {
    if (quiet_) return;
    if (terminal_) {
        show(line, true);
        close();
    } else {
        stream_ << line << '\n' << std::flush;
    }
}

void InferProgress::close() {
    if (width_ != 0) stream_ << '\n' << std::flush;
    width_ = 0;
}

void InferProgress::simulated(std::size_t round, std::size_t done, std::size_t wanted) {
    if (done == 0) start_part();
    const double elapsed = seconds();
    const double rate = static_cast<double>(done) / std::max(elapsed, 1e-9);
    std::string line = fmt::format("round {}/{}: {} of {} simulations", round + 1, n_rounds_, done, wanted);
    if (done > 0) line += fmt::format(", {:.0f} per second", rate);
    if (done < wanted) {
        if (done > 0) line += fmt::format(", {} left", duration_text(static_cast<double>(wanted - done) / rate));
        show(line, done == 0);
    } else {
        print(line);
        start_part();
    }
}

void InferProgress::trained(std::size_t round, std::size_t network, std::size_t networks, const TrainingState& state,
                            const TrainingOptions& training) {
    if (quiet_ || !terminal_) return;
    if (first_epochs_.size() < networks) first_epochs_.resize(networks);
    Beginning& first = first_epochs_[network];
    if (first.epoch == 0) first = {state.epoch, seconds()};
    std::string line = fmt::format("round {}/{}: ", round + 1, n_rounds_);
    if (networks > 1) line += fmt::format("network {}/{}, ", network + 1, networks);
    line += fmt::format("epoch {}, validation loss {:.4f}", state.epoch, state.validation_loss.back());
    // Training ends when the loss no longer falls: that is how long it would take from here.
    const std::uint64_t since = state.epoch - std::max(state.best_epoch, state.stage_epoch);
    if (state.epoch > first.epoch && since < training.stop_after_epochs) {
        const double per_epoch = (seconds() - first.seconds) / static_cast<double>(state.epoch - first.epoch);
        line += fmt::format(" (best {:.4f}), {} left if it falls no further", state.best_validation_loss,
                            duration_text(per_epoch * static_cast<double>(training.stop_after_epochs - since)));
    }
    show(line);
}

void InferProgress::finish_training(std::size_t round, const std::string& summary) {
    std::string line = summary;
    while (line.ends_with('\n')) line.pop_back();
    std::size_t begin = 0;
    while (begin <= line.size()) {
        const std::size_t end = std::min(line.find('\n', begin), line.size());
        print(fmt::format("round {}/{}: {}", round + 1, n_rounds_, line.substr(begin, end - begin)));
        begin = end + 1;
    }
    start_part();
}

void InferProgress::sampled(std::size_t done, std::size_t total) {
    if (quiet_ || !terminal_) return;
    show(fmt::format("samples of the posterior: {:.0f} %",
                     100 * static_cast<double>(done) / static_cast<double>(total)));
}

void InferProgress::begin(const std::string& what) {
    show(what + " ...", true);
}

}  // namespace spikesmith
