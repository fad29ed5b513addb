// The rows that a network computes for a block of samples, and the layers that work on them (internal).
//
// A block has two sides. The context side holds what depends on x alone, for `block` lanes. The wide side holds what depends
// on theta too, for `repeats` candidates of each x, one candidate after the other: block * repeats lanes. Rows and
// parameters are numbered once, when the network is built (Builder).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/nets/kernels.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith::nets {

using RowList = std::vector<std::uint32_t>;

// Rows of floats; the first lane of each is aligned to the lane group's size.
class Arena {
  public:
    // Contents are kept only if nothing changes; new memory is zero.
    void shape(std::size_t rows, std::size_t lanes);
    void clear();
    [[nodiscard]] Rows view(const RowList& rows, std::size_t lane = 0) const {
        return {base_ + lane, stride_, rows.data()};
    }
    [[nodiscard]] float* row(std::size_t r) const { return base_ + r * stride_; }
    [[nodiscard]] std::size_t stride() const { return stride_; }

  private:
    std::vector<float> memory_;
    float* base_ = nullptr;
    std::size_t rows_ = 0;
    std::size_t stride_ = 0;
};

struct Side {
    const Kernels* kernels = nullptr;
    std::size_t lanes = 0;
    Arena values;
    Arena gradients;
};

struct Tape {
    Side context;
    Side wide;
    std::size_t repeats = 1;
    std::vector<float> derived;     // matrices computed from the parameters (Body::prepare)
    std::uint64_t dropout_key = 0;  // 0: none
    std::size_t first_sample = 0;   // number of lane 0's sample in its minibatch
    [[nodiscard]] std::size_t block() const { return context.lanes; }
};

// A layer's place among the parameters.
struct DenseLayer {
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    std::size_t weights = 0;  // offsets
    std::size_t bias = 0;
    bool has_bias = true;
    std::vector<std::uint32_t> lengths;  // of masked rows; empty: dense
    std::vector<std::uint32_t> starts;

    [[nodiscard]] Layer view(const float* parameters) const;
    // Outputs first ... first + count - 1 alone.
    [[nodiscard]] Layer view(const float* parameters, std::size_t first, std::size_t count) const;
};

struct SideRows {
    std::uint32_t values = 0;
    std::uint32_t gradients = 0;
};

// Numbers parameters and rows, and draws the initial parameters of layers: uniform within +-1 / sqrt(fan in).
class Builder {
  public:
    std::size_t parameters = 0;
    std::uint32_t context_rows = 0;  // values and gradients have the same numbers
    SideRows wide;

    // fan_in 0: inputs. `lengths` as in Layer.
    DenseLayer dense(std::size_t inputs, std::size_t outputs, std::size_t fan_in = 0,
                     std::vector<std::uint32_t> lengths = {}, bool has_bias = true);
    // As `dense`, with weights and bias within +-bound.
    DenseLayer dense_within(double bound, std::size_t inputs, std::size_t outputs);
    // As `dense`, with normal weights of a deviation, and biases of one value.
    DenseLayer dense_about(double deviation, float bias, std::size_t inputs, std::size_t outputs);
    std::size_t constants(std::size_t count, float value);  // parameters that start at a value; their offset
    static RowList rows(std::uint32_t& counter, std::size_t count);

    void initialize(std::span<float> values, std::uint64_t seed) const;

  private:
    struct Start {
        std::size_t offset, count;
        double bound;  // uniform
        double mean, deviation;
        std::size_t inputs;  // masks: row length of the layer
        std::vector<std::uint32_t> lengths;
    };
    std::vector<Start> starts_;
};

// y = activation(layer(x)), on one side.
void forward(const Side& side, const DenseLayer& layer, const float* parameters, const RowList& x, const RowList& y,
             Activation activation = Activation::none);
// y = activation(layer(x) + context), x and y on the wide side.
void forward_with_context(const Tape& tape, const DenseLayer& layer, const float* parameters, const RowList& x,
                          const RowList& context, const RowList& y, Activation activation = Activation::none);
// From y's gradient: adds to the parameters' gradient.
void parameter_gradient(const Side& side, const DenseLayer& layer, const RowList& y_gradient, const RowList& x,
                        float* gradient);
// From y's gradient: x's, times the derivative of the activation that gave the values x; added to what is there if
// `accumulate`.
void input_gradient(const Side& side, const DenseLayer& layer, const float* parameters, const RowList& y_gradient,
                    const RowList& x_values, const RowList& x_gradient, bool accumulate,
                    Activation activation = Activation::none);
// Adds wide gradients of all candidates to context gradients.
void fold(const Tape& tape, const RowList& wide_gradient, const RowList& context_gradient);

[[nodiscard]] RowList joined(const RowList& a, const RowList& b);

struct Workspace::Memory {
    Tape tape;
    std::vector<double> values;
    std::vector<double> derivatives;
    std::vector<double> packed_values;
    std::vector<double> packed_derivatives;
    std::vector<float> upstream;
    std::vector<float> scaled;
    std::vector<double> volumes;
};

}  // namespace spikesmith::nets
