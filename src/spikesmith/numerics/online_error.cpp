#include "spikesmith/numerics/online_error.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {

namespace {

ValueId rho(ProgramBuilder& builder, Loss loss, ValueId z) {
    const ValueId one = builder.number(1);
    const ValueId two = builder.number(2);
    switch (loss) {
        case Loss::squared:
            return z;
        case Loss::soft_l1:
            return builder.multiply(two, builder.subtract(builder.apply(Op::sqrt, builder.add(one, z)), one));
        case Loss::huber:
            return builder.select(builder.apply(Op::less_equal, z, one), z,
                                  builder.subtract(builder.multiply(two, builder.apply(Op::sqrt, z)), one));
        case Loss::cauchy:
            return builder.apply(Op::log1p, z);
    }
    return z;
}

}  // namespace

void add_online_error(UpdateProgram& program, const OnlineError& error) {
    const auto observed = program.find_output(error.output);
    if (!observed) throw ModelError(fmt::format("`{}` is not an output of the program", error.output));
    const std::string name = error.name.empty() ? error.output : error.name;
    ProgramBuilder builder(program.step);
    const auto series = [&](TimeInput::Kind kind, const std::string& of) {
        auto& inputs = program.time_inputs;
        auto it = std::find_if(inputs.begin(), inputs.end(),
                               [&](const TimeInput& t) { return t.kind == kind && t.name == of && t.offset == 0; });
        if (it == inputs.end()) it = inputs.insert(inputs.end(), {.kind = kind, .name = of, .offset = 0});
        return builder.source(Source::time_input, static_cast<std::int32_t>(it - inputs.begin()), Stage::time);
    };
    const auto index = static_cast<std::int32_t>(program.states.size());
    const ProgramOutput& output = program.outputs[static_cast<std::size_t>(*observed)];
    const ValueId sum = builder.source(Source::state, index, Stage::step);
    const ValueId difference = builder.subtract(output.value, series(TimeInput::Kind::target, error.output));
    const ValueId weight = series(TimeInput::Kind::weight, name);
    ValueId term = no_value;
    if (error.loss == Loss::squared) {
        term = builder.multiply(builder.multiply(weight, difference), difference);
    } else {
        const ValueId scaled = builder.multiply(difference, builder.number(1 / error.scale));
        const ValueId value = rho(builder, error.loss, builder.multiply(scaled, scaled));
        term = builder.multiply(builder.multiply(weight, builder.number(error.scale * error.scale)), value);
    }
    const ValueId next = builder.add(sum, term);
    ProgramBuilder init(program.init);
    program.states.push_back({.name = "@error:" + name,
                              .dimension = output.dimension * output.dimension,
                              .next = next,
                              .initial = init.number(0)});
    program.online_errors.push_back(index);
    program.observed.push_back({.output = error.output, .name = name, .loss = error.loss, .scale = error.scale});
    finish(program);
}

ErrorSlopes error_slopes(const UpdateProgram& program, ProgramBuilder& builder, const OnlineError& error) {
    const auto series = [&](TimeInput::Kind kind, const std::string& of) {
        const auto& inputs = program.time_inputs;
        const auto it = std::find_if(inputs.begin(), inputs.end(), [&](const TimeInput& t) {
            return t.kind == kind && t.name == of && t.offset == 0;
        });
        return builder.source(Source::time_input, static_cast<std::int32_t>(it - inputs.begin()), Stage::time);
    };
    const ProgramOutput& output = program.outputs[static_cast<std::size_t>(program.find_output(error.output).value())];
    const ValueId difference = builder.subtract(output.value, series(TimeInput::Kind::target, error.output));
    ValueId weight = series(TimeInput::Kind::weight, error.name);
    const ValueId scaled = builder.multiply(difference, builder.number(1 / error.scale));
    const ValueId z = builder.multiply(scaled, scaled);
    const ValueId one = builder.number(1);
    const auto root = [&](ValueId x) { return builder.apply(Op::sqrt, x); };
    const auto divided_by = [&](ValueId x) { return builder.apply(Op::divide, weight, x); };
    switch (error.loss) {
        case Loss::squared:
            break;
        case Loss::soft_l1:
            weight = divided_by(root(builder.add(z, one)));
            break;
        case Loss::huber:
            weight = builder.select(builder.apply(Op::less_equal, z, one), weight, divided_by(root(z)));
            break;
        case Loss::cauchy:
            weight = divided_by(builder.add(z, one));
            break;
    }
    return {weight, builder.multiply(weight, difference)};
}

double loss_value(Loss loss, double z) {
    switch (loss) {
        case Loss::squared:
            return z;
        case Loss::soft_l1:
            return 2 * (std::sqrt(1 + z) - 1);
        case Loss::huber:
            return z <= 1 ? z : 2 * std::sqrt(z) - 1;
        case Loss::cauchy:
            return std::log1p(z);
    }
    return z;
}

}  // namespace spikesmith
