// Classic problems of nonlinear least squares, written once for any number type so that derivatives come from Ceres' dual numbers.
//
//   MGH: J. Moré, B. Garbow, K. Hillstrom: Testing unconstrained optimization software. ACM Trans. Math. Softw. 7 (1981) 17-41
//   StRD: NIST Statistical Reference Datasets, nonlinear regression (public domain), with certified values of 11 digits
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ceres/ceres.h>

#include "spikesmith/optimize/least_squares.hpp"

namespace spikesmith::test {

// A problem with its residuals behind type erasure.
struct Problem {
    std::string name;
    std::vector<std::vector<double>> starts;
    std::size_t n_residuals = 0;
    double cost = 0;               // at the minimum: sum of squares
    std::vector<double> solution;  // may be empty
    std::vector<double> errors;    // standard errors; may be empty
    std::shared_ptr<ceres::CostFunction> function;

    [[nodiscard]] std::size_t dimension() const { return starts.front().size(); }
};

template <int Residuals, int Parameters, class Functor>
Problem make_problem(std::string name, std::vector<std::vector<double>> starts, double cost,
                     std::vector<double> solution, std::vector<double> errors, Functor functor) {
    return {std::move(name),
            std::move(starts),
            Residuals,
            cost,
            std::move(solution),
            std::move(errors),
            std::make_shared<ceres::AutoDiffCostFunction<Functor, Residuals, Parameters>>(new Functor(functor))};
}

struct Rosenbrock {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = 10.0 * (x[1] - x[0] * x[0]);
        r[1] = 1.0 - x[0];
        return true;
    }
};
struct FreudensteinRoth {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = x[0] - 13.0 + ((5.0 - x[1]) * x[1] - 2.0) * x[1];
        r[1] = x[0] - 29.0 + ((x[1] + 1.0) * x[1] - 14.0) * x[1];
        return true;
    }
};
struct PowellBadlyScaled {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = 1e4 * x[0] * x[1] - 1.0;
        r[1] = exp(-x[0]) + exp(-x[1]) - 1.0001;
        return true;
    }
};
struct BrownBadlyScaled {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = x[0] - 1e6;
        r[1] = x[1] - 2e-6;
        r[2] = x[0] * x[1] - 2.0;
        return true;
    }
};
struct Beale {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = 1.5 - x[0] * (1.0 - x[1]);
        r[1] = 2.25 - x[0] * (1.0 - x[1] * x[1]);
        r[2] = 2.625 - x[0] * (1.0 - x[1] * x[1] * x[1]);
        return true;
    }
};
struct JennrichSampson {
    template <class T>
    bool operator()(const T* x, T* r) const {
        for (int i = 1; i <= 10; ++i)
            r[i - 1] = 2.0 + 2.0 * i - (exp(static_cast<double>(i) * x[0]) + exp(static_cast<double>(i) * x[1]));
        return true;
    }
};
struct Bard {
    template <class T>
    bool operator()(const T* x, T* r) const {
        constexpr std::array y{0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                               0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
        for (std::size_t i = 0; i < y.size(); ++i) {
            const auto u = static_cast<double>(i + 1);
            const double v = 16 - u;
            r[i] = y[i] - (x[0] + u / (v * x[1] + std::min(u, v) * x[2]));
        }
        return true;
    }
};
struct PowellSingular {
    template <class T>
    bool operator()(const T* x, T* r) const {
        r[0] = x[0] + 10.0 * x[1];
        r[1] = std::sqrt(5.0) * (x[2] - x[3]);
        r[2] = (x[1] - 2.0 * x[2]) * (x[1] - 2.0 * x[2]);
        r[3] = std::sqrt(10.0) * (x[0] - x[3]) * (x[0] - x[3]);
        return true;
    }
};
struct KowalikOsborne {
    template <class T>
    bool operator()(const T* x, T* r) const {
        constexpr std::array y{0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
        constexpr std::array u{4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625};
        for (std::size_t i = 0; i < y.size(); ++i)
            r[i] = y[i] - x[0] * (u[i] * u[i] + u[i] * x[1]) / (u[i] * u[i] + u[i] * x[2] + x[3]);
        return true;
    }
};
struct BrownDennis {
    template <class T>
    bool operator()(const T* x, T* r) const {
        for (int i = 1; i <= 20; ++i) {
            const double t = i / 5.0;
            const T a = x[0] + t * x[1] - std::exp(t);
            const T b = x[2] + x[3] * std::sin(t) - std::cos(t);
            r[i - 1] = a * a + b * b;
        }
        return true;
    }
};
struct Misra1a {
    template <class T>
    bool operator()(const T* x, T* r) const {
        constexpr std::array y{10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
                               44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
        constexpr std::array u{77.6,  114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
                               378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
        for (std::size_t i = 0; i < y.size(); ++i) r[i] = y[i] - x[0] * (1.0 - exp(-x[1] * u[i]));
        return true;
    }
};
struct Thurber {
    static constexpr std::array y{80.574,   84.248,   87.264,   87.195,   89.076,   89.608,   89.868,   90.101,
                                  92.405,   95.854,   100.696,  101.060,  401.672,  390.724,  567.534,  635.316,
                                  733.054,  759.087,  894.206,  990.785,  1090.109, 1080.914, 1122.643, 1178.351,
                                  1260.531, 1273.514, 1288.339, 1327.543, 1353.863, 1414.509, 1425.208, 1421.384,
                                  1442.962, 1464.350, 1468.705, 1447.894, 1457.628};
    static constexpr std::array u{-3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481,
                                  -2.363, -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714,
                                  -0.566, -0.545, -0.400, -0.309, -0.109, -0.103, 0.010,  0.119,  0.377,  0.790,
                                  0.963,  1.006,  1.115,  1.572,  1.841,  2.047,  2.200};
    template <class T>
    bool operator()(const T* x, T* r) const {
        for (std::size_t i = 0; i < y.size(); ++i) {
            r[i] = y[i] - (x[0] + u[i] * (x[1] + u[i] * (x[2] + u[i] * x[3]))) /
                              (1.0 + u[i] * (x[4] + u[i] * (x[5] + u[i] * x[6])));
        }
        return true;
    }
};

inline std::vector<Problem> least_squares_problems() {
    std::vector<Problem> all;
    all.push_back(make_problem<2, 2>("Rosenbrock", {{-1.2, 1}}, 0, {1, 1}, {}, Rosenbrock{}));
    all.push_back(make_problem<2, 2>("Freudenstein-Roth", {{6, 5}}, 0, {5, 4}, {}, FreudensteinRoth{}));
    all.push_back(make_problem<2, 2>("Freudenstein-Roth, local", {{0.5, -2}}, 48.98425367924,
                                     {11.41277900, -0.89680525}, {}, FreudensteinRoth{}));
    all.push_back(make_problem<2, 2>("Powell badly scaled", {{0, 1}}, 0, {1.09815932969e-5, 9.10614673986}, {},
                                     PowellBadlyScaled{}));
    all.push_back(make_problem<3, 2>("Brown badly scaled", {{1, 1}}, 0, {1e6, 2e-6}, {}, BrownBadlyScaled{}));
    all.push_back(make_problem<3, 2>("Beale", {{1, 1}}, 0, {3, 0.5}, {}, Beale{}));
    all.push_back(make_problem<10, 2>("Jennrich-Sampson", {{0.3, 0.4}}, 124.36218235561, {0.257825213, 0.257825213}, {},
                                      JennrichSampson{}));
    all.push_back(
        make_problem<15, 3>("Bard", {{1, 1, 1}}, 8.21487730657e-3, {0.0824105597, 1.13303609, 2.34369519}, {}, Bard{}));
    all.push_back(make_problem<4, 4>("Powell singular", {{3, -1, 0, 1}}, 0, {}, {}, PowellSingular{}));
    all.push_back(make_problem<11, 4>("Kowalik-Osborne (NIST MGH09)", {{0.25, 0.39, 0.415, 0.39}}, 3.0750560385e-4,
                                      {1.9280693458e-1, 1.9128232873e-1, 1.2305650693e-1, 1.3606233068e-1},
                                      {1.1435312227e-2, 1.9633220911e-1, 8.0842031232e-2, 9.0025542308e-2},
                                      KowalikOsborne{}));
    all.push_back(make_problem<20, 4>("Brown-Dennis", {{25, 5, -5, -1}}, 85822.2016263563,
                                      {-11.594440, 13.203630, -0.403439, 0.236779}, {}, BrownDennis{}));
    all.push_back(make_problem<14, 2>("Misra1a", {{500, 0.0001}, {250, 0.0005}}, 1.2455138894e-1,
                                      {2.3894212918e2, 5.5015643181e-4}, {2.7070075241, 7.2668688436e-6}, Misra1a{}));
    all.push_back(make_problem<37, 7>(
        "Thurber", {{1000, 1000, 400, 40, 0.7, 0.3, 0.03}, {1300, 1500, 500, 75, 1, 0.4, 0.05}}, 5.6427082397e3,
        {1.2881396800e3, 1.4910792535e3, 5.8323836877e2, 7.5416644291e1, 9.6629502864e-1, 3.9797285797e-1,
         4.9727297349e-2},
        {4.6647963344, 3.9571156086e1, 2.8698696102e1, 5.5675370270, 3.1333340687e-2, 1.4984928198e-2, 6.5842344623e-3},
        Thurber{}));
    return all;
}

// The batch contract over a problem.
inline LeastSquaresFunction function_of(const Problem& problem) {
    return [&problem](const Array2& points, bool derivatives) {
        const std::size_t d = problem.dimension();
        std::vector<LeastSquaresPoint> answers(points.rows);
        std::vector<double> r(problem.n_residuals);
        std::vector<double> jacobian(problem.n_residuals * d);
        for (std::size_t s = 0; s < points.rows; ++s) {
            const double* parameters = points.row(s).data();
            double* rows = jacobian.data();
            problem.function->Evaluate(&parameters, r.data(), derivatives ? &rows : nullptr);
            LeastSquaresPoint& answer = answers[s];
            answer.cost = 0;
            for (const double value : r) answer.cost += value * value;
            if (!derivatives) continue;
            answer.gradient.assign(d, 0);
            answer.matrix = Array2(d, d);
            for (std::size_t i = 0; i < r.size(); ++i) {
                for (std::size_t j = 0; j < d; ++j) {
                    answer.gradient[j] += jacobian[i * d + j] * r[i];
                    for (std::size_t k = 0; k < d; ++k)
                        answer.matrix(j, k) += jacobian[i * d + j] * jacobian[i * d + k];
                }
            }
        }
        return answers;
    };
}

// The minimum that Ceres finds within bounds.
inline double ceres_cost(const Problem& problem, std::vector<double> point, std::span<const double> low,
                         std::span<const double> high) {
    ceres::Problem::Options ownership;
    ownership.cost_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
    ceres::Problem ceres_problem(ownership);
    ceres_problem.AddResidualBlock(problem.function.get(), nullptr, point.data());
    for (std::size_t j = 0; j < point.size(); ++j) {
        point[j] = std::clamp(point[j], low[j], high[j]);
        if (std::isfinite(low[j])) ceres_problem.SetParameterLowerBound(point.data(), static_cast<int>(j), low[j]);
        if (std::isfinite(high[j])) ceres_problem.SetParameterUpperBound(point.data(), static_cast<int>(j), high[j]);
    }
    ceres::Solver::Options options;
    options.max_num_iterations = 10000;
    options.function_tolerance = 1e-16;
    options.gradient_tolerance = 1e-16;
    options.parameter_tolerance = 1e-16;
    options.linear_solver_type = ceres::DENSE_QR;
    options.logging_type = ceres::SILENT;
    ceres::Solver::Summary summary;
    ceres::Solve(options, &ceres_problem, &summary);
    return 2 * summary.final_cost;
}

}  // namespace spikesmith::test
