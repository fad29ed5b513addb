#include "spikesmith/codegen/kernel.hpp"

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "spikesmith/codegen/kernel_builder.hpp"
#include "spikesmith/codegen/kernel_cache.hpp"
#include "spikesmith/codegen/machine_code.hpp"
#include "spikesmith/codegen/program_analysis.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/matrix_exponential.hpp"

namespace spikesmith {

using codegen::BuiltKernel;
using codegen::FunctionTable;

struct Kernel::Implementation {
    KernelOptions options;
    int lanes = 1;
    bool from_cache = false;
    double compile_seconds = 0;
    std::size_t n_states = 0, n_parameters = 0, n_time_inputs = 0, n_outputs = 0, n_recorded = 0;
    std::vector<FunctionTable::Function> functions;
    std::unique_ptr<codegen::LoadedCode> code;
    codegen::KernelFunction function = nullptr;  // in `code`
};

namespace {

constexpr int largest_interleave = 8;
constexpr int most_lanes = 64;  // a set of lanes is one 64-bit word

// The options with every choice made.
KernelOptions decided(const UpdateProgram& program, KernelOptions options) {
    const auto widths = available_widths();
    if (options.width == 0) options.width = widths.front();
    if (std::find(widths.begin(), widths.end(), options.width) == widths.end()) {
        throw NumericalError(fmt::format("this machine has no vectors of {} doubles", options.width),
                             fmt::format("widths available here: {}", fmt::join(widths, ", ")));
    }
    if (options.interleave == 0) options.interleave = codegen::chosen_interleave(program, options.width);
    const int lanes_per_vector = options.width * (options.precision == Precision::single_precision ? 2 : 1);
    const int limit = std::min(largest_interleave, most_lanes / lanes_per_vector);
    if (options.interleave < 1 || options.interleave > limit) {
        throw ConfigError(fmt::format("a kernel cannot advance {} vectors of {} numbers together", options.interleave,
                                      lanes_per_vector),
                          fmt::format("interleave is between 1 and {} here, or 0 to let the model decide", limit));
    }
    return options;
}

// All that the machine code depends on.
std::string content_key(const BuiltKernel& built, const codegen::Target& target) {
    constexpr int version = 2;  // of what else is told to the compiler
    std::string key = fmt::format("kernel {}, LLVM {}\n{}\n{}\n{}\n", version, LLVM_VERSION_STRING, target.triple,
                                  target.cpu, target.features);
    // The IR calls functions by number; which they are, their distances within this program tell.
    const auto address = [](auto function) { return reinterpret_cast<std::uintptr_t>(function); };
    for (const auto function : built.functions.functions())
        key += fmt::format("calls {:x}\n", address(function) - address(&matrix_exponential));
    llvm::raw_string_ostream stream(key);
    llvm::WriteBitcodeToFile(*built.module, stream);
    return key;
}

// Kernels expect the default floating-point environment: round to nearest, no flushing of subnormals. Some libraries leave
// another one behind.
class DefaultFloatingPoint {
  public:
    DefaultFloatingPoint() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~DefaultFloatingPoint() { std::fesetenv(&saved_); }
    DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
    DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

  private:
    std::fenv_t saved_{};
};

}  // namespace

Kernel Kernel::compile(const UpdateProgram& program, const KernelOptions& options) {
    return make(program, options, false).value();
}
std::optional<Kernel> Kernel::compiled_before(const UpdateProgram& program, const KernelOptions& options) {
    return make(program, options, true);
}

std::optional<Kernel> Kernel::make(const UpdateProgram& program, const KernelOptions& options, bool compiled_before) {
    const auto begin = std::chrono::steady_clock::now();
    auto made = std::make_unique<Implementation>();
    made->options = decided(program, options);
    const auto target = codegen::host_target(made->options.width);
    BuiltKernel built = codegen::build_kernel(program, made->options, target, false);
    made->lanes = built.lanes;
    made->n_states = program.states.size();
    made->n_parameters = program.parameters.size();
    made->n_time_inputs = program.time_inputs.size();
    made->n_outputs = program.outputs.size();
    made->n_recorded = static_cast<std::size_t>(program.n_recorded);
    made->functions = built.functions.functions();

    const auto directory = options.disk_cache ? codegen::kernel_cache_directory() : std::nullopt;
    const std::string key = directory ? content_key(built, target) : std::string{};
    auto object = directory ? codegen::read_cache_entry(*directory, key) : std::nullopt;
    made->from_cache = object.has_value();
    if (!object) {
        if (compiled_before) return std::nullopt;
        object = codegen::compile_object(*built.module, target);
        if (directory) codegen::write_cache_entry(*directory, key, *object);
    }
    made->code = std::make_unique<codegen::LoadedCode>(*object, codegen::kernel_entry);
    made->function =
        reinterpret_cast<codegen::KernelFunction>(made->code->entry());  // NOLINT(performance-no-int-to-ptr)
    made->compile_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return Kernel(std::move(made));
}

Kernel::Kernel(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

void Kernel::run(const KernelArguments& arguments) const {
    const auto& self = *implementation_;
    const auto need = [](bool present, const char* what) {
        if (!present) throw std::invalid_argument(fmt::format("the kernel was not given {}", what));
    };
    if (arguments.lanes < 0 || arguments.lanes % self.lanes != 0) {
        throw std::invalid_argument(
            fmt::format("a kernel that advances {} lanes together cannot run {} lanes", self.lanes, arguments.lanes));
    }
    if (arguments.lanes == 0 || arguments.first_step >= arguments.last_step) return;
    need(arguments.states != nullptr || self.n_states == 0, "states");
    need(arguments.parameters != nullptr || self.n_parameters == 0, "parameters");
    need(arguments.time_inputs != nullptr || self.n_time_inputs == 0, "time inputs");
    need(arguments.recorded != nullptr || self.n_recorded == 0, "a recording");
    need(arguments.outputs != nullptr || !self.options.record_outputs || self.n_outputs == 0, "a place for outputs");
    if (self.options.record_spikes) {
        need(arguments.spike_counts != nullptr, "a place for spike counts");
        need(arguments.spike_steps != nullptr || arguments.spike_capacity <= 0, "a place for spikes");
    }
    const DefaultFloatingPoint environment;
    self.function(&arguments, self.functions.data());
}

int Kernel::lanes() const {
    return implementation_->lanes;
}
int Kernel::width() const {
    return implementation_->options.width;
}
const KernelOptions& Kernel::options() const {
    return implementation_->options;
}
double Kernel::compile_seconds() const {
    return implementation_->compile_seconds;
}
bool Kernel::from_cache() const {
    return implementation_->from_cache;
}

std::vector<int> available_widths() {
    return codegen::host_widths();
}

std::string kernel_ir(const UpdateProgram& program, const KernelOptions& options) {
    const KernelOptions all = decided(program, options);
    const BuiltKernel built = codegen::build_kernel(program, all, codegen::host_target(all.width), true);
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (llvm::verifyModule(*built.module, &stream)) throw std::logic_error("invalid IR: " + text);
    built.module->print(stream, nullptr);
    return text;
}

}  // namespace spikesmith
