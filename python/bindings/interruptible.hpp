// Long calls of the core, on a thread of their own without the interpreter lock, that Ctrl-C stops within a second.
#pragma once

#include <atomic>
#include <chrono>
#include <future>

#include "convert.hpp"

namespace spikesmith::python {

// Runs `work`, which stops soon after `cancelled` becomes true. Raises what a signal handler of Python raises.
template <class Work>
auto interruptible(std::atomic<bool>& cancelled, const Work& work) {
    cancelled = false;
    bool signalled = false;
    auto result = [&] {
        const nb::gil_scoped_release unlocked;
        auto future = std::async(std::launch::async, work);
        while (future.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
            const nb::gil_scoped_acquire lock;
            if (PyErr_CheckSignals() == 0) continue;
            signalled = true;  // the exception stays set until `work` has ended
            cancelled = true;
            break;
        }
        if (!signalled) return future;
        future.wait();
        return future;
    }();
    if (signalled) {
        nb::python_error raised;  // takes the exception that is set
        try {
            result.get();
        } catch (...) {
            // the user's interrupt matters more
        }
        throw raised;
    }
    return result.get();
}

}  // namespace spikesmith::python
