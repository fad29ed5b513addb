// Kernel: an UpdateProgram compiled to SIMD machine code with the time loop inside.
//
// A kernel advances lanes (parameter sets under one stimulus) over many steps in one call. Nothing here knows what a neuron
// is; nothing outside this room sees LLVM.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

enum class Precision : std::uint8_t { double_precision, single_precision };

struct KernelOptions {
    int width = 0;  // doubles per vector: 1 (scalar), 2 (SSE2, NEON), 4 (AVX2), 8 (AVX-512); 0: widest of this machine
    int interleave = 0;  // vectors advanced together to hide latency; 0: chosen from the model
    Precision precision = Precision::double_precision;
    bool record_outputs = false;  // write the outputs of every step
    bool record_spikes = false;
    bool backwards = false;  // from the last step to the first
    bool disk_cache = true;  // also off when SPIKESMITH_CACHE=off; SPIKESMITH_CACHE_DIR overrides the place
};

// All arrays hold `double`, or `float` in single precision (time inputs always double).
struct KernelArguments {
    std::int64_t first_step = 0;
    std::int64_t last_step = 0;        // exclusive
    std::int64_t lanes = 0;            // a multiple of Kernel::lanes(); the caller pads the last block
    void* states = nullptr;            // [n_states][lanes], in and out
    const void* parameters = nullptr;  // [n_parameters][lanes]
    // One pointer for each time input, to wherever its numbers lie: in step k it has time_inputs[input][k - first_time_row].
    const double* const* time_inputs = nullptr;
    void* outputs = nullptr;               // [last_step - first_step][n_outputs][lanes] with record_outputs
    std::int32_t* spike_steps = nullptr;   // [lanes][spike_capacity] with record_spikes
    std::int32_t* spike_counts = nullptr;  // [lanes], in and out; may exceed the capacity: then the rest was not stored
    std::int64_t spike_capacity = 0;
    std::uint64_t seed = 0;
    std::int64_t random_sample = 0;  // of lane 0; lane l has random_sample + l * random_stride
    std::int64_t sample = 0;         // of lane 0
    std::int64_t trace = 0;
    std::int64_t n_samples = 1;
    std::int64_t n_traces = 1;
    double iteration = 1e9;
    std::int64_t random_stride = 1;   // 0: all lanes draw the same numbers
    std::int64_t first_time_row = 0;  // step of the first number of every time input, not after first_step
    const void* recorded = nullptr;   // [last_step - first_step][program.n_recorded][lanes]
};

class Kernel {
  public:
    // Compiles, or takes the object code from the disk cache. Throws NumericalError for a width this machine lacks.
    static Kernel compile(const UpdateProgram& program, const KernelOptions& options = {});
    // The same if the disk cache has the object code, else nothing.
    static std::optional<Kernel> compiled_before(const UpdateProgram& program, const KernelOptions& options = {});

    Kernel(Kernel&&) noexcept;
    Kernel& operator=(Kernel&&) noexcept;
    ~Kernel();

    void run(const KernelArguments& arguments) const;

    [[nodiscard]] int lanes() const;  // lanes advanced together: width * interleave (twice that in single precision)
    [[nodiscard]] int width() const;
    [[nodiscard]] const KernelOptions& options() const;
    [[nodiscard]] double compile_seconds() const;
    [[nodiscard]] bool from_cache() const;

  private:
    struct Implementation;
    static std::optional<Kernel> make(const UpdateProgram& program, const KernelOptions& options, bool compiled_before);
    explicit Kernel(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

// Widths that this machine can run, widest first, e.g. {8, 4, 2, 1}.
[[nodiscard]] std::vector<int> available_widths();

// The LLVM IR of a kernel, for people and tests.
[[nodiscard]] std::string kernel_ir(const UpdateProgram& program, const KernelOptions& options = {});

}  // namespace spikesmith
