// What the library `libspikesmith_torch` does for torch_embedding.cpp: a TorchScript module whose parameters are one flat array of
// floats (internal).
//
// The library is the only part of Spikesmith that sees libtorch. It is loaded when an embedding asks for it: libtorch costs every process
// that starts with it half a second, and must not meet another libtorch that is there already, such as Python's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spikesmith {

class TorchScriptModule {
  public:
    TorchScriptModule() = default;
    TorchScriptModule(const TorchScriptModule&) = delete;
    TorchScriptModule& operator=(const TorchScriptModule&) = delete;
    virtual ~TorchScriptModule() = default;

    // Trainable parameters, then buffers (running means and the like), in the module's order.
    [[nodiscard]] virtual std::size_t parameters() const = 0;
    virtual void get(std::span<float> parameters) const = 0;
    virtual void set(std::span<const float> parameters) = 0;

    // The outputs, n x F, of n rows of x. With a key other than 0 the module is in training mode, with random numbers of that key, and
    // remembers what `backward` needs.
    virtual void forward(std::span<const float> x, std::size_t rows, std::uint64_t key,
                         std::vector<float>& outputs) = 0;
    // Adds the derivatives by the parameters (those of buffers are zero) from those by the outputs of the last `forward`.
    virtual void backward(std::span<const float> outputs_gradient, std::span<float> gradient) = 0;

    // As a TorchScript file.
    [[nodiscard]] virtual std::string save() const = 0;
};

// The library's only symbol. Errors are std::runtime_error.
extern "C" TorchScriptModule* spikesmith_load_torch_script(const char* file, std::size_t bytes, const char* device);
using LoadTorchScript = decltype(&spikesmith_load_torch_script);

}  // namespace spikesmith
