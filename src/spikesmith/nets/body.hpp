// Body: the part of a network that takes theta and the features of x to a log density or log ratio (internal).
//
// Each body (maf.cpp, nsf.cpp, mdn.cpp, made.cpp, classifier.cpp) numbers its parameters and rows when it is made. Its
// calls work on one block of samples on a tape. The features of x are rows `features` of the context side, theta's are
// rows 0 ... D - 1 of the wide side.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "spikesmith/nets/specification.hpp"
#include "spikesmith/nets/tape.hpp"

namespace spikesmith::nets {

class Body {
  public:
    Body() = default;
    virtual ~Body() = default;
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    // What depends on the parameters alone, once per call.
    virtual void prepare(const float* /*parameters*/, Tape& /*tape*/) const {}
    // From the features: all that depends on x alone.
    virtual void observe(const float* parameters, Tape& tape) const = 0;
    // One value per lane of the wide side.
    virtual void evaluate(const float* parameters, Tape& tape, std::span<double> values) const = 0;
    // After `evaluate`: from the derivative for each value, theta's gradient, and sums into the gradients of the context
    // rows; adds to the parameters' gradient unless that is null.
    virtual void differentiate(const float* parameters, Tape& tape, const float* upstream, float* gradient) const = 0;
    // After `differentiate`: adds to the features' gradient and to the parameters'.
    virtual void differentiate_observation(const float* parameters, Tape& tape, float* gradient) const = 0;

    // Sampling: D normal and `uniforms` uniform numbers per sample become theta. Densities only.
    [[nodiscard]] virtual std::size_t uniforms() const { return 0; }
    // Noise: normals in the rows of noise_rows(), uniforms in those after; theta to rows 0 ... D - 1, as ever.
    virtual void sample(const float* parameters, Tape& tape) const = 0;
    [[nodiscard]] virtual const RowList& noise_rows() const = 0;
};

struct BodyShape {
    std::size_t dimensions = 0;  // D
    RowList theta;               // wide rows of theta, also of its gradient
    RowList features;            // context rows of the features of x, also of their gradient
    std::vector<Interval> cut;   // of theta as the network sees it: D intervals; only a MADE can have bounds there
};

[[nodiscard]] std::unique_ptr<Body> make_maf(const BodyShape& shape, const DensityOptions& options, std::uint64_t seed,
                                             Builder& builder);
[[nodiscard]] std::unique_ptr<Body> make_nsf(const BodyShape& shape, const DensityOptions& options, Builder& builder);
[[nodiscard]] std::unique_ptr<Body> make_mdn(const BodyShape& shape, const DensityOptions& options, Builder& builder);
[[nodiscard]] std::unique_ptr<Body> make_made(const BodyShape& shape, const DensityOptions& options, Builder& builder);
[[nodiscard]] std::unique_ptr<Body> make_classifier(const BodyShape& shape, ClassifierKind kind,
                                                    const ClassifierOptions& options, Builder& builder);

// log sqrt(2 pi).
constexpr double log_root_two_pi = 0.91893853320467274178;

}  // namespace spikesmith::nets
