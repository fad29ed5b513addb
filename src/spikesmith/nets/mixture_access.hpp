// The mixture that a body describes, for bodies that are one (internal).
#pragma once

#include <cstddef>

#include "spikesmith/nets/conditional_density.hpp"
#include "spikesmith/nets/tape.hpp"

namespace spikesmith::nets {

class MixtureAccess {
  public:
    MixtureAccess() = default;
    virtual ~MixtureAccess() = default;
    MixtureAccess(const MixtureAccess&) = delete;
    MixtureAccess& operator=(const MixtureAccess&) = delete;
    // After Body::observe.
    [[nodiscard]] virtual GaussianMixture at_lane(const Tape& tape, std::size_t lane) const = 0;
    // Before Body::differentiate_observation: the derivatives by the mixture's numbers become the lane's gradients.
    virtual void set_gradient(Tape& tape, std::size_t lane, const GaussianMixture& derivatives) const = 0;
};

}  // namespace spikesmith::nets
