// Online errors are the weighted sums of their loss, in the interpreter (tests/simulate compares kernels with it).
#include "spikesmith/numerics/online_error.hpp"

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "numerics/small_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::model_of;
using test::run;

struct Case {
    Loss loss;
    std::function<double(double)> closed_form;  // of z
};

const std::vector<Case> cases{{Loss::squared, [](double z) { return z; }},
                              {Loss::soft_l1, [](double z) { return 2 * z / (std::sqrt(1 + z) + 1); }},
                              {Loss::huber, [](double z) { return z <= 1 ? z : 2 * std::sqrt(z) - 1; }},
                              {Loss::cauchy, [](double z) { return std::log(1 + z); }}};

TEST(OnlineError, LossesAreTheirClosedForms) {
    for (const auto& [loss, closed_form] : cases) {
        for (const double z : {0.0, 1e-3, 0.5, 1.0, 1.5, 7.0, 1e4, 1e12}) {
            EXPECT_NEAR(loss_value(loss, z), closed_form(z), 1e-13 * (1 + closed_form(z))) << z;
        }
        // All are squares near zero, and grow: a larger difference never costs less.
        EXPECT_NEAR(loss_value(loss, 1e-6) / 1e-6, 1, 1e-5);
        EXPECT_LT(loss_value(loss, 1 - 1e-9), loss_value(loss, 1 + 1e-9));
    }
}

TEST(OnlineError, IsTheWeightedSumOfEveryLoss) {
    for (const auto& [loss, closed_form] : cases) {
        const Model model = model_of({{"v", 1.0}}, {0});
        auto program = integrate(model, {.method = "euler", .dt = 1, .outputs = {"v"}});
        const double scale = 1.7;
        add_online_error(program, {.output = "v", .loss = loss, .scale = scale});
        std::vector<std::vector<double>> rows;
        double expected = 0;
        for (int k = 0; k < 12; ++k) {
            const double target = 0.3 * k * k;
            const double weight = k < 2 ? 0 : 0.5 * k;
            const double difference = (k - target) / scale;
            expected += weight * scale * scale * closed_form(difference * difference);
            std::vector<double> row;
            for (const auto& input : program.time_inputs)
                row.push_back(input.kind == TimeInput::Kind::target ? target : weight);
            rows.push_back(row);
        }
        const auto index = static_cast<std::size_t>(program.online_errors.at(0));
        EXPECT_NEAR(run(program, 12, {}, rows).states[index], expected, 1e-14 * expected);
        EXPECT_THROW(add_online_error(program, {.output = "w"}), ModelError);
    }
}

TEST(OnlineError, SeveralOfOneOutputHaveTheirOwnWeights) {
    const Model model = model_of({{"v", 1.0}}, {0});
    auto program = integrate(model, {.method = "euler", .dt = 1, .outputs = {"v"}});
    add_online_error(program, {.output = "v", .name = "early"});
    add_online_error(program, {.output = "v", .name = "late", .loss = Loss::huber, .scale = 0.5});
    ASSERT_EQ(program.online_errors.size(), 2U);
    ASSERT_EQ(program.time_inputs.size(), 3U);  // the target is shared
    std::vector<std::vector<double>> rows;
    for (int k = 0; k < 4; ++k) {
        std::vector<double> row;
        for (const auto& input : program.time_inputs) {
            row.push_back(input.kind == TimeInput::Kind::target ? 0 : (input.name == "early") == (k < 2) ? 1 : 0);
        }
        rows.push_back(row);
    }
    const auto states = run(program, 4, {}, rows).states;
    EXPECT_NEAR(states[static_cast<std::size_t>(program.online_errors[0])], 0 + 1, 1e-15);
    EXPECT_NEAR(states[static_cast<std::size_t>(program.online_errors[1])], 0.25 * ((2 * 4 - 1) + (2 * 6 - 1)), 1e-14);
}

}  // namespace
}  // namespace spikesmith
