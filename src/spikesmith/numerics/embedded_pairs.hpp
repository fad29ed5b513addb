// Butcher tableaux of the embedded Runge-Kutta pairs: two solutions of neighbouring order from the same stages.
//
// Fehlberg 4(5) (NASA TR R-315, 1969); Cash & Karp 5(4) (ACM TOMS 16, 1990); Bogacki & Shampine 3(2) (Appl. Math. Lett. 2, 1989);
// Dormand & Prince 5(4) (J. Comp. Appl. Math. 6, 1980); Prince & Dormand 8(7)-13M (J. Comp. Appl. Math. 7, 1981).
#pragma once

#include <span>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

struct EmbeddedPair {
    int order = 0;                            // of the solution that is kept
    std::vector<double> nodes;                // c, one per stage
    std::vector<std::vector<double>> matrix;  // a, row i has i entries
    std::vector<double> weights;              // b of the solution that is kept
    std::vector<double> error_weights;        // b - b*, of the error estimate
    [[nodiscard]] std::size_t stages() const { return nodes.size(); }
};

[[nodiscard]] const EmbeddedPair& embedded_pair(AdaptiveSolve::Tableau tableau);

// The step-size control that interpreter and kernels share. A trial step of length h is accepted if its error norm (largest
// |error_i| / (absolute_i + relative*max(|old_i|, |new_i|))) is at most 1; the next trial is h * clamp(safety * norm**(-1/order)).
struct StepControl {
    static constexpr double safety = 0.9;
    static constexpr double smallest_factor = 0.2;
    static constexpr double largest_factor = 5.0;
    // A lane that is out of trials is taken to become infinite if its steps have shrunk so much since it passed the threshold.
    static constexpr double escape = 1e-2;
};

}  // namespace spikesmith
