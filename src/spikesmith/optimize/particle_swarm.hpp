// Particle swarm: points fly, drawn to the best place that they have seen and to the best one seen by their informants.
//
// Good at: errors with several minima, batches of 20 to 1000, failing evaluations; simple and robust. Not for: strongly
// correlated parameters and high precision (cma_es.hpp, differential_evolution.hpp).
//
//   J. Kennedy, R. Eberhart: Particle swarm optimization. IEEE Int. Conf. Neural Networks (1995) 1942-1948
//   M. Clerc: Standard particle swarm optimisation. hal-00764996 (2012): random informants, constants, bounds (SPSO 2007)
//   M. Zambrano-Bigiarini, M. Clerc, R. Rojas: SPSO 2011 at CEC 2013. CEC (2013) 2337-2344: the spherical motion
//
// A generation is one step of every particle, made from what is known when its first point is asked for; it may be
// asked and told in any parts. Late answers still count for their particle. Only the order of errors counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

enum class SwarmMotion : std::uint8_t {
    coordinates,  // SPSO 2007: each coordinate is drawn with a random strength of its own
    sphere,  // SPSO 2011: into a sphere round the centre of attraction; does not care for the direction of the axes
    automatic,
};

// What is automatic follows from the planned number of steps: below 100 the swarm gathers quickly (inertia 0.4, attraction
// 1.6, everybody informs everybody, coordinates); above, or if it is unknown, it takes its time (1/(2*ln 2), 1/2 + ln 2,
// 12 informants, sphere).
struct ParticleSwarmOptions {
    std::size_t population = 0;        // particles, at least 4; 0: whole batches, at least 10 + 2*sqrt(dimension)
    std::optional<double> inertia;     // share of the velocity that is kept, in [0, 1); absent: automatic
    std::optional<double> attraction;  // to each of the two best places, in (0, 4]; absent: automatic
    std::size_t informants = 0;  // whom each particle informs, drawn anew after a step without progress; the population
                                 // or more: everybody; 0: automatic
    SwarmMotion motion = SwarmMotion::automatic;
    double rebound = 0.5;  // share of the velocity with which a particle returns from a bound, in [0, 1]

    friend bool operator==(const ParticleSwarmOptions&, const ParticleSwarmOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice particle_swarm(ParticleSwarmOptions options = {});

void visit_fields(OptionVisitor& visit, ParticleSwarmOptions& options);

}  // namespace spikesmith
