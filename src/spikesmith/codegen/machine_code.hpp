// Machine code: the host as LLVM knows it, IR to an object file in memory, an object file to code that can be called.
//
// For this room only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace llvm {
class Module;
}

namespace spikesmith::codegen {

// A machine to compile for: the host, held to instructions of one vector width.
struct Target {
    std::string triple;
    std::string cpu;
    std::string features;
    int vector_bits = 64;  // 64: scalar code
    bool avx512 = false;   // vscalef and mask registers
};

// Doubles per vector that the host can run, widest first.
[[nodiscard]] std::vector<int> host_widths();

// The host with vectors of `width` doubles; `width` must be one of host_widths().
[[nodiscard]] Target host_target(int width);

// A function attribute: instructions stay in the order they are written in.
inline constexpr const char* keeps_order = "spikesmith-keeps-order";

// The module as a relocatable object file.
[[nodiscard]] std::string compile_object(llvm::Module& module, const Target& target);

// An object file in executable memory. Calls out of it may reach only the rounding functions of libm and memory moves, which a
// compiler puts in where the target lacks an instruction.
class LoadedCode {
  public:
    // Throws std::runtime_error if the object cannot be loaded.
    LoadedCode(std::string_view object, const std::string& entry);
    ~LoadedCode();
    LoadedCode(const LoadedCode&) = delete;
    LoadedCode& operator=(const LoadedCode&) = delete;

    [[nodiscard]] std::uintptr_t entry() const { return entry_; }

  private:
    struct Memory;
    std::unique_ptr<Memory> memory_;
    std::uintptr_t entry_ = 0;
};

}  // namespace spikesmith::codegen
