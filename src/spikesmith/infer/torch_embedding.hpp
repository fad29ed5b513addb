// TorchEmbedding: the user's own network, a TorchScript file, as embedding of x: it turns the features (or raw traces) of a simulation
// into the few numbers that a density or classifier sees, and is trained along with that.
//
//     # Python, any version of PyTorch that libtorch can read
//     torch.jit.script(network).save("network.pt")      # takes float32 (rows x features), gives float32 (rows x outputs)
//
//     Inference inference(prior, {.embedding = {.kind = nets::EmbeddingKind::torchscript, .file = "network.pt"}});
//
// x is scaled as for other networks; a missing value is 0 there, and flags of what is missing go beside the network's outputs to the density.
// Training starts from the parameters in the file; those that do not require gradients stay as they are, running means are learned as the
// module does. Derivatives are libtorch's, everything else (Adam, clipping, checkpoints) is that of all networks, so a training continues
// bit for bit; on a GPU as far as its own sums are reproducible.
//
// Needs libspikesmith_torch, which is built where CMake finds libtorch, and loaded when it is needed: from $SPIKESMITH_TORCH, from beside the
// program, or from where it was installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/nets/specification.hpp"

namespace spikesmith {

class BinaryReader;
class BinaryWriter;

class TorchEmbedding {
  public:
    // Of the file and device of `what`, for x of `features` values. Throws DataError for a file that is no TorchScript or a module that does
    // not fit x; ConfigError where libspikesmith_torch or the device are missing.
    TorchEmbedding(const nets::Embedding& what, std::size_t features, nets::Standardization scale, bool mask_missing);
    TorchEmbedding(const TorchEmbedding& other);  // independent of each other
    TorchEmbedding& operator=(const TorchEmbedding& other);
    TorchEmbedding(TorchEmbedding&&) noexcept;
    TorchEmbedding& operator=(TorchEmbedding&&) noexcept;
    ~TorchEmbedding();

    // Values for the density per row of x: the network's outputs, then the flags.
    [[nodiscard]] std::size_t outputs() const;
    [[nodiscard]] std::size_t parameters() const;
    void get_parameters(std::span<float> parameters) const;
    void set_parameters(std::span<const float> parameters);

    // Of one x. May be called from several threads.
    [[nodiscard]] std::vector<double> embed(std::span<const double> x) const;

    // --- training ---------------------------------------------------------------------------------------------------
    // x as the network reads it: scaled, with the flags.
    [[nodiscard]] std::vector<float> prepare(const Array2& x) const;
    // outputs() values for each of these rows. `key`: 0, or another one for each step of training.
    void forward(std::span<const float> prepared, std::span<const std::uint32_t> rows, std::uint64_t key,
                 std::vector<float>& values);
    // Adds the derivatives by parameters() from those by the values of the last `forward`.
    void backward(std::span<const float> values_gradient, std::span<float> gradient);

    // In the file of a posterior (docs/posterior_format.md); `read_torch_embedding` throws as the constructor.
    void write(BinaryWriter& writer) const;

  private:
    friend TorchEmbedding read_torch_embedding(BinaryReader& reader);
    struct Implementation;
    explicit TorchEmbedding(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

[[nodiscard]] TorchEmbedding read_torch_embedding(BinaryReader& reader);

// Whether libspikesmith_torch can be loaded.
[[nodiscard]] bool torch_available();

}  // namespace spikesmith
