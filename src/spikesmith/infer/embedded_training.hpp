// EmbeddedTraining: a density or classifier and the TorchEmbedding in front of it, trained as one network: one flat array of
// parameters, one gradient (internal to inference.cpp). Without an embedding it is the network alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/torch_embedding.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith {

class EmbeddedTraining {
  public:
    // Refers to `network`, the parameters of the density, and to `embedding`.
    EmbeddedTraining(std::span<float> network, std::optional<TorchEmbedding>& embedding, const Array2& x);

    // What is to be trained: the network's parameters, then the embedding's.
    [[nodiscard]] std::span<float> parameters();
    // For a step with these parameters: lets the batch see the embedded rows of x. A dropout_key of 0: no training.
    void forward(nets::Minibatch& batch);
    // The network's part of a gradient of parameters().
    [[nodiscard]] std::span<float> of_network(std::span<float> gradient) const;
    // After the loss of that batch: the rest of the gradient.
    void backward(std::span<float> gradient);
    // After training: every part gets its parameters, and `data` the embedded x.
    void finish(nets::TrainingData& data);

  private:
    void distribute();

    std::span<float> network_;
    TorchEmbedding* embedding_;
    std::vector<float> x_;      // prepared
    std::vector<float> joint_;  // parameters, if there is an embedding
    std::vector<float> rows_, rows_gradient_;
    bool trains_ = false;
};

}  // namespace spikesmith
