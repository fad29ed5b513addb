// The normal distribution of the evolution strategy with covariance matrix adaptation: sampling and its adaptation to
// ranked points. No bounds, errors or restarts: those are the business of cma_es.hpp.
//
//   N. Hansen: The CMA evolution strategy: a tutorial. arXiv 1604.00772 (2016): all equations and constants
//   R. Ros, N. Hansen: A simple modification in CMA-ES. PPSN X (2008) 296-305: diagonal covariance
//   N. Hansen: Injecting external solutions into CMA-ES. arXiv 1110.4181 (2011): points from elsewhere
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

// A point and its squared length in units of the distribution that it was drawn from.
struct CmaPoint {
    static constexpr double from_elsewhere = -1;  // not drawn from the present distribution
    std::span<const double> y;
    double squared_length = from_elsewhere;
};

class CmaDistribution {
  public:
    // Around `mean` with the same standard deviation in all directions.
    CmaDistribution(const Eigen::VectorXd& mean, double step, bool diagonal, bool active);

    // Writes a random point into `y`; returns its squared length.
    double sample(math::RandomStream& random, std::span<double> y) const;

    // Adapts to points ranked from best to worst. `level[k]` numbers groups of equal rank (0, 0, 1, ... for a tie of the
    // best two); the last `failed` points have no error.
    void adapt(std::span<const CmaPoint> ranked, std::span<const std::size_t> level, std::size_t failed);

    // Mirrors coordinate `j` of space at `bound`.
    void mirror(Eigen::Index j, double bound);
    void scale_step(double factor) { step_ *= factor; }

    [[nodiscard]] const Eigen::VectorXd& mean() const { return mean_; }
    [[nodiscard]] double step() const { return step_; }
    [[nodiscard]] Eigen::ArrayXd deviations() const;  // of the coordinates
    [[nodiscard]] double condition() const;           // largest by smallest eigenvalue, when last decomposed

  private:
    // What follows from the number of points.
    struct Strategy {
        std::size_t points = 0;
        std::size_t failed = 0;
        std::vector<double> weights;  // best first; those of the second half are negative or 0
        double effective = 0;         // mu_eff
        double c_step = 0, damping = 0, c_path = 0, c_one = 0, c_mu = 0;
    };
    void set_strategy(std::size_t points, std::size_t failed);
    void decompose();

    [[nodiscard]] Eigen::VectorXd whitened(const Eigen::VectorXd& y) const;  // C^(-1/2) y

    bool diagonal_;
    bool active_;
    double dimension_;
    double expected_length_;  // of a standard normal vector
    Strategy strategy_;

    Eigen::VectorXd mean_;
    double step_;
    Eigen::MatrixXd covariance_;  // lower triangle
    Eigen::VectorXd variances_;   // of the diagonal form
    Eigen::MatrixXd axes_;        // eigenvectors of the covariance when last decomposed
    Eigen::VectorXd scales_;      // square roots of its eigenvalues
    Eigen::MatrixXd scaled_axes_;
    Eigen::VectorXd step_path_;
    Eigen::VectorXd path_;
    double generations_ = 0;
    double since_decomposed_ = 0;
    mutable Eigen::VectorXd normals_;
};

}  // namespace spikesmith
