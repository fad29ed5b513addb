// Long calls of the core, on a thread of their own without the interpreter lock, that Ctrl-C stops within a second.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <optional>

#include "convert.hpp"

namespace spikesmith::python {

// Runs `work`, which stops soon after `cancelled` becomes true. Raises what a signal handler of Python raises, or `meanwhile`, which is
// called now and then with the interpreter lock held.
template <class Work, class Meanwhile>
auto interruptible(std::atomic<bool>& cancelled, const Work& work, const Meanwhile& meanwhile) {
    cancelled = false;
    std::optional<nb::python_error> raised;  // until `work` has ended
    auto result = [&] {
        const nb::gil_scoped_release unlocked;
        auto future = std::async(std::launch::async, work);
        while (future.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
            const nb::gil_scoped_acquire lock;
            try {
                if (PyErr_CheckSignals() != 0) throw nb::python_error();
                meanwhile();
            } catch (nb::python_error& error) {
                raised.emplace(std::move(error));
                cancelled = true;
                break;
            }
        }
        future.wait();
        return future;
    }();
    if (raised) {
        try {
            result.get();
        } catch (...) {
            // the user's interrupt matters more
        }
        throw nb::python_error(std::move(*raised));
    }
    return result.get();
}

template <class Work>
auto interruptible(std::atomic<bool>& cancelled, const Work& work) {
    return interruptible(cancelled, work, [] {});
}

}  // namespace spikesmith::python
