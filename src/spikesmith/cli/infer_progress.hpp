// What `spikesmith infer` shows while it works: on a terminal one line redrawn in place, else a line when a part is done.
#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "spikesmith/infer/training.hpp"

namespace spikesmith {

class InferProgress {
  public:
    // Writes nothing if `quiet`.
    InferProgress(std::ostream& stream, bool terminal, bool quiet, std::size_t n_rounds);

    void simulated(std::size_t round, std::size_t done, std::size_t wanted);
    // After each epoch of a network. Not to be called from two threads at once.
    void trained(std::size_t round, std::size_t network, std::size_t networks, const TrainingState& state,
                 const TrainingOptions& training);
    void finish_training(std::size_t round, const std::string& summary);
    // Samples of the posterior, or steps of chains. Not to be called from two threads at once.
    void sampled(std::size_t done, std::size_t total);
    // What comes next, for the time that it takes.
    void begin(const std::string& what);
    // Ends an open line.
    void close();

  private:
    using Clock = std::chrono::steady_clock;
    // Redraws the line, at most ten times a second unless `always`.
    void show(const std::string& line, bool always = false);
    void print(const std::string& line);
    [[nodiscard]] double seconds() const;  // of this part
    void start_part();

    std::ostream& stream_;
    bool terminal_;
    bool quiet_;
    std::size_t n_rounds_;
    Clock::time_point start_ = Clock::now();
    Clock::time_point drawn_{};
    std::size_t width_ = 0;  // of the open line
    struct Beginning {
        std::uint64_t epoch = 0;
        double seconds = 0;
    };
    std::vector<Beginning> first_epochs_;  // per network: with which this process began, and when
};

}  // namespace spikesmith
