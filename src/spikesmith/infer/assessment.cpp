#include "spikesmith/infer/assessment.hpp"

namespace spikesmith {

bool Assessment::trustworthy() const {
    return calibration && calibration->verdict == CalibrationVerdict::calibrated && predictions && predictions->passed;
}

std::string Assessment::summary() const {
    std::string text;
    const auto add = [&](const std::string& part) {
        text += part;
        if (!text.ends_with('\n')) text += '\n';
    };
    if (predictions) add(predictions->summary());
    if (calibration) add(calibration->summary());
    if (!failure.empty()) add("The posterior could not be judged: " + failure);
    return text;
}

}  // namespace spikesmith
