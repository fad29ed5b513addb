// What turns x into features, on the context side of a tape: nothing, a multilayer perceptron, or one-dimensional
// convolutions with pooling and a perceptron behind them (internal).
#pragma once

#include <cstddef>
#include <vector>

#include "spikesmith/nets/specification.hpp"
#include "spikesmith/nets/tape.hpp"

namespace spikesmith::nets {

class EmbeddingNetwork {
  public:
    // Throws ConfigError where the layers do not fit x_inputs values.
    EmbeddingNetwork(const Embedding& what, std::size_t x_inputs, Builder& builder);

    [[nodiscard]] const RowList& inputs() const { return inputs_; }
    [[nodiscard]] const RowList& features() const { return features_; }

    void observe(const float* parameters, Tape& tape) const;
    // From the features' gradient; that of the inputs only if it is wanted.
    void differentiate(const float* parameters, Tape& tape, float* gradient, bool inputs_too) const;

  private:
    // x has `channels` sequences of `padded` rows each, of which the first and last `padding` are zero.
    struct Convolution {
        DenseLayer layer;
        std::size_t channels = 0, length = 0, padding = 0, padded = 0, stride = 1, pool = 1;
        std::size_t output_length = 0, pooled_length = 0;
        RowList x, zeros;      // all padded rows; those that are padding
        RowList window;        // rows that the first output position sees
        RowList y;             // output_length rows per output channel, after ReLU
        RowList first_y;       // the first position of each output channel
        RowList pooled;        // rows of the result, channel after channel
        bool largest = false;  // pooling takes the largest, not the mean
    };
    struct Dense {
        DenseLayer layer;
        RowList x, y;
        bool rectify = false;
    };

    void convolve(const float* parameters, Side& side, const Convolution& c) const;
    static void pool(Side& side, const Convolution& c);
    static void pool_gradient(Side& side, const Convolution& c);

    RowList inputs_, features_;
    std::vector<Convolution> convolutions_;
    std::vector<Dense> layers_;
    double dropout_ = 0;
    RowList dropped_, dropout_mask_;
};

}  // namespace spikesmith::nets
