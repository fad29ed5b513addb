#include "spikesmith/infer/mixture_proposal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <Eigen/Cholesky>
#include <Eigen/Dense>
#include <Eigen/Eigenvalues>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/distribution.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using FactorMap = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

constexpr double least_weight = 1e-4;
const double log_root_two_pi = 0.5 * std::log(2 * std::numbers::pi);

FactorMap factor_of(const nets::GaussianMixture& mixture, std::size_t k) {
    const auto D = static_cast<Eigen::Index>(mixture.dimensions);
    return {mixture.precision_factors.data() + k * mixture.dimensions * mixture.dimensions, D, D};
}

Eigen::Map<const VectorXd> mean_of(const nets::GaussianMixture& mixture, std::size_t k) {
    return {mixture.means.data() + k * mixture.dimensions, static_cast<Eigen::Index>(mixture.dimensions)};
}

double log_determinant_of_factor(const MatrixXd& factor) {
    double sum = 0;
    for (Eigen::Index i = 0; i < factor.rows(); ++i) sum += std::log(factor(i, i));
    return sum;
}

// Turns terms into shares of their sum; returns the logarithm of the sum.
double softmax(std::vector<double>& terms) {
    const double highest = *std::ranges::max_element(terms);
    double sum = 0;
    for (double& term : terms) sum += term = std::exp(term - highest);
    for (double& term : terms) term /= sum;
    return highest + std::log(sum);
}

void add_component(nets::GaussianMixture& mixture, double log_weight, const VectorXd& mean, const MatrixXd& precision) {
    ++mixture.components;
    mixture.log_weights.push_back(log_weight);
    mixture.means.insert(mixture.means.end(), mean.begin(), mean.end());
    const Eigen::LLT<MatrixXd> cholesky(precision);
    if (cholesky.info() != Eigen::Success) throw NumericalError("a precision matrix is not positive definite");
    const MatrixXd upper = cholesky.matrixU();
    for (Eigen::Index i = 0; i < upper.rows(); ++i) {
        for (Eigen::Index j = 0; j < upper.cols(); ++j) mixture.precision_factors.push_back(upper(i, j));
    }
}

// Adds weight times the derivatives of log(component k) with respect to its mean and factor, for an offset
// d = value - mean whose expected outer product is that of `offset` plus `spread`.
void add_derivatives(const nets::GaussianMixture& mixture, std::size_t k, double weight, const VectorXd& offset,
                     const MatrixXd* spread, nets::GaussianMixture& derivatives) {
    const auto D = static_cast<Eigen::Index>(mixture.dimensions);
    const MatrixXd A = factor_of(mixture, k);
    const VectorXd scaled = A * offset;
    const VectorXd by_mean = A.transpose() * scaled;
    MatrixXd by_factor = -scaled * offset.transpose();
    if (spread != nullptr) by_factor -= A * *spread;
    double* const means = derivatives.means.data() + k * mixture.dimensions;
    double* const factors = derivatives.precision_factors.data() + k * mixture.dimensions * mixture.dimensions;
    for (Eigen::Index i = 0; i < D; ++i) {
        means[i] += weight * by_mean[i];
        factors[i * D + i] += weight / A(i, i);
        for (Eigen::Index j = i; j < D; ++j) factors[i * D + j] += weight * by_factor(i, j);
    }
}

}  // namespace

bool is_mixture(const Estimator& estimator) {
    return estimator.role == EstimatorRole::posterior &&
           std::ranges::all_of(estimator.members, [](const TrainedNetwork& member) { return member.kind == "mdn"; });
}

MixtureProposal proposal_mixture(const ConditionedEstimator& conditioned) {
    const Estimator& estimator = conditioned.estimator();
    if (!is_mixture(estimator)) throw ConfigError("only mixture density networks have a mixture to propose from");
    MixtureProposal result{.components = 0, .dimensions = estimator.parameters};
    const auto D = static_cast<Eigen::Index>(estimator.parameters);
    for (const TrainedNetwork& member : estimator.members) {
        const auto& network = std::get<nets::ConditionalDensity>(member.network);
        const nets::Standardization& scale = network.specification().theta_scale;
        const nets::GaussianMixture own = network.mixture(conditioned.x().row(0));
        for (std::size_t k = 0; k < own.components; ++k) {
            const double log_weight = own.log_weights[k] + std::log(member.weight);
            if (!(log_weight > std::log(least_weight))) continue;
            VectorXd mean = mean_of(own, k);
            MatrixXd A = factor_of(own, k);
            for (Eigen::Index d = 0; d < D && !scale.mean.empty(); ++d) {
                const auto place = static_cast<std::size_t>(d);
                mean[d] = scale.mean[place] + scale.deviation[place] * mean[d];
                A.col(d) /= scale.deviation[place];
            }
            const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(A.transpose() * A);
            const VectorXd precisions = eigen.eigenvalues().cwiseMax(1.0);
            add_component(result, log_weight, mean,
                          eigen.eigenvectors() * precisions.asDiagonal() * eigen.eigenvectors().transpose());
        }
    }
    if (result.components == 0) throw NumericalError("the mixture has no component of any weight");
    std::vector<double> shares = result.log_weights;
    const double total = softmax(shares);
    for (double& weight : result.log_weights) weight -= total;
    return result;
}

double log_density(const MixtureProposal& mixture, std::span<const double> u) {
    const Eigen::Map<const VectorXd> value(u.data(), static_cast<Eigen::Index>(u.size()));
    std::vector<double> terms;
    for (std::size_t k = 0; k < mixture.components; ++k) {
        const MatrixXd A = factor_of(mixture, k);
        terms.push_back(mixture.log_weights[k] - log_root_two_pi * static_cast<double>(u.size()) +
                        log_determinant_of_factor(A) - 0.5 * (A * (value - mean_of(mixture, k))).squaredNorm());
    }
    return softmax(terms);
}

Array2 sample_mixture(const MixtureProposal& mixture, std::size_t n, std::uint64_t seed) {
    const std::size_t D = mixture.dimensions;
    Array2 u(n, D);
    math::RandomStream random(seed, purpose(RandomPurpose::mixture));
    for (std::size_t i = 0; i < n; ++i) {
        random.set_position(i << 20);
        double choice = random.next_uniform();
        std::size_t k = 0;
        for (; k + 1 < mixture.components; ++k) {
            choice -= std::exp(mixture.log_weights[k]);
            if (choice < 0) break;
        }
        VectorXd noise(static_cast<Eigen::Index>(D));
        for (double& value : noise) value = random.next_normal();
        const MatrixXd A = factor_of(mixture, k);
        const VectorXd drawn = mean_of(mixture, k) + A.triangularView<Eigen::Upper>().solve(noise);
        std::ranges::copy(drawn, u.row(i).begin());
    }
    return u;
}

// All in the variables z of the network, in which the prior is N(m0, P0^-1).
struct CorrectedMixtureLoss::Parts {
    struct Component {
        double constant = 0;      // log b + log det(Q) / 2 - nu' Q nu / 2
        MatrixXd precision;       // Q - P0
        VectorXd precision_mean;  // Q nu - P0 m0
    };
    std::vector<Component> components;
    double prior_constant = 0;  // m0' P0 m0 / 2 - log det(P0) / 2
    VectorXd prior_mean, prior_precision;
    MixtureProposal proposal;  // in z
};

CorrectedMixtureLoss::CorrectedMixtureLoss(const MixtureProposal& proposal, const nets::Standardization& scale) {
    const auto D = static_cast<Eigen::Index>(proposal.dimensions);
    VectorXd shift = VectorXd::Zero(D);
    VectorXd deviation = VectorXd::Ones(D);
    for (Eigen::Index d = 0; d < D && !scale.mean.empty(); ++d) {
        shift[d] = scale.mean[static_cast<std::size_t>(d)];
        deviation[d] = scale.deviation[static_cast<std::size_t>(d)];
    }
    Parts parts;
    parts.prior_mean = -shift.cwiseQuotient(deviation);
    parts.prior_precision = deviation.cwiseAbs2();
    parts.prior_constant =
        0.5 * shift.squaredNorm() - deviation.array().log().sum();  // m0' P0 m0 = shift' shift, det P0 = prod s^2
    parts.proposal.dimensions = proposal.dimensions;
    for (std::size_t j = 0; j < proposal.components; ++j) {
        const MatrixXd factor = factor_of(proposal, j) * deviation.asDiagonal();
        const MatrixXd Q = factor.transpose() * factor;
        const VectorXd nu = (mean_of(proposal, j) - shift).cwiseQuotient(deviation);
        Parts::Component component;
        component.constant = proposal.log_weights[j] + log_determinant_of_factor(factor) - 0.5 * nu.dot(Q * nu);
        component.precision = Q;
        component.precision.diagonal() -= parts.prior_precision;
        component.precision_mean = Q * nu - parts.prior_precision.cwiseProduct(parts.prior_mean);
        const MatrixXd relative =
            deviation.cwiseInverse().asDiagonal() * component.precision * deviation.cwiseInverse().asDiagonal();
        const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(relative, Eigen::EigenvaluesOnly);
        if (!(eigen.eigenvalues().minCoeff() > -1e-6 * (1 + eigen.eigenvalues().cwiseAbs().maxCoeff()))) {
            throw NumericalError("a component of the proposal is wider than the prior",
                                 "the correction in closed form needs narrower ones");
        }
        parts.components.push_back(std::move(component));
        add_component(parts.proposal, proposal.log_weights[j], nu, Q);
    }
    parts_ = std::make_unique<const Parts>(std::move(parts));
}

CorrectedMixtureLoss::~CorrectedMixtureLoss() = default;
CorrectedMixtureLoss::CorrectedMixtureLoss(CorrectedMixtureLoss&&) noexcept = default;
CorrectedMixtureLoss& CorrectedMixtureLoss::operator=(CorrectedMixtureLoss&&) noexcept = default;

double mixture_likelihood_loss(const nets::GaussianMixture& mixture, std::span<const float> z, double weight,
                               nets::GaussianMixture& derivatives) {
    VectorXd value(static_cast<Eigen::Index>(z.size()));
    for (std::size_t d = 0; d < z.size(); ++d) value[static_cast<Eigen::Index>(d)] = static_cast<double>(z[d]);
    std::vector<double> terms;
    for (std::size_t k = 0; k < mixture.components; ++k) {
        const MatrixXd A = factor_of(mixture, k);
        terms.push_back(mixture.log_weights[k] - log_root_two_pi * static_cast<double>(z.size()) +
                        log_determinant_of_factor(A) - 0.5 * (A * (value - mean_of(mixture, k))).squaredNorm());
    }
    const double log_q = softmax(terms);
    for (std::size_t k = 0; k < mixture.components; ++k) {
        derivatives.log_weights[k] -= weight * terms[k];
        add_derivatives(mixture, k, -weight * terms[k], value - mean_of(mixture, k), nullptr, derivatives);
    }
    return -weight * log_q;
}

double CorrectedMixtureLoss::operator()(const nets::GaussianMixture& mixture, std::span<const float> z, double weight,
                                        nets::GaussianMixture& derivatives) const {
    const Parts& parts = *parts_;
    double loss = mixture_likelihood_loss(mixture, z, weight, derivatives);
    // log p~(z) - log p(z), of no consequence for the gradient
    std::vector<double> point(z.begin(), z.end());
    double ratio = log_density(parts.proposal, point);
    for (std::size_t d = 0; d < z.size(); ++d) {
        const auto place = static_cast<Eigen::Index>(d);
        const double precision = parts.prior_precision[place];
        ratio -= 0.5 * std::log(precision) - log_root_two_pi -
                 0.5 * precision * std::pow(point[d] - parts.prior_mean[place], 2);
    }
    loss -= weight * ratio;

    // log Z and its derivatives
    const std::size_t pairs = mixture.components * parts.components.size();
    std::vector<double> terms(pairs);
    std::vector<VectorXd> means(pairs);
    std::vector<MatrixXd> covariances(pairs);
    const auto D = static_cast<Eigen::Index>(z.size());
    const MatrixXd identity = MatrixXd::Identity(D, D);
    for (std::size_t k = 0; k < mixture.components; ++k) {
        const MatrixXd A = factor_of(mixture, k);
        const MatrixXd P = A.transpose() * A;
        const VectorXd mu = mean_of(mixture, k);
        const VectorXd P_mu = P * mu;
        const double own = mixture.log_weights[k] + log_determinant_of_factor(A) - 0.5 * mu.dot(P_mu);
        for (std::size_t j = 0; j < parts.components.size(); ++j) {
            const std::size_t place = k * parts.components.size() + j;
            const Eigen::LLT<MatrixXd> cholesky(P + parts.components[j].precision);
            if (cholesky.info() != Eigen::Success)
                throw NumericalError("the product of the mixtures has no finite integral");
            const VectorXd together = P_mu + parts.components[j].precision_mean;
            means[place] = cholesky.solve(together);
            covariances[place] = cholesky.solve(identity);
            terms[place] = own + parts.components[j].constant + 0.5 * together.dot(means[place]) -
                           log_determinant_of_factor(cholesky.matrixU());
        }
    }
    loss += weight * (softmax(terms) + parts.prior_constant);
    for (std::size_t k = 0; k < mixture.components; ++k) {
        for (std::size_t j = 0; j < parts.components.size(); ++j) {
            const std::size_t place = k * parts.components.size() + j;
            if (terms[place] < 1e-14) continue;
            derivatives.log_weights[k] += weight * terms[place];
            add_derivatives(mixture, k, weight * terms[place], means[place] - mean_of(mixture, k), &covariances[place],
                            derivatives);
        }
    }
    return loss;
}

}  // namespace spikesmith
