// Optimisers: those of the core by name, driven by ask and tell, and an adapter for one written in Python.
#include "convert.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith::python {
namespace {

// A Python object with
//     ask_points(n) -> n x dimension, in the unit cube;  tell_points(points, errors)
class PythonOptimizer final : public Optimizer {
  public:
    PythonOptimizer(std::shared_ptr<nb::object> method, std::size_t dimension)
        : Optimizer(dimension), method_(std::move(method)) {}
    [[nodiscard]] std::string name() const override { return "python"; }

  protected:
    void propose(std::uint64_t /*first_id*/, Array2& points) override {
        const nb::gil_scoped_acquire lock;
        const auto asked = nb::cast<Matrix>(method_->attr("ask_points")(points.rows));
        if (asked.shape(0) != points.rows || asked.shape(1) != points.columns) {
            throw ConfigError("the optimizer asked for another number of points or parameters than wanted");
        }
        points = to_array(asked);
    }
    void learn(std::span<const Told> told) override {
        Array2 points(told.size(), dimension());
        std::vector<double> errors(told.size());
        for (std::size_t r = 0; r < told.size(); ++r) {
            std::ranges::copy(told[r].point, points.row(r).begin());
            errors[r] = told[r].error;
        }
        const nb::gil_scoped_acquire lock;
        method_->attr("tell_points")(to_numpy(std::move(points)), to_numpy(std::move(errors)));
    }

  private:
    std::shared_ptr<nb::object> method_;
};

OptionValue option_value(const nb::handle& value) {
    if (nb::isinstance<nb::bool_>(value)) return nb::cast<bool>(value);
    if (nb::isinstance<nb::str>(value)) return nb::cast<std::string>(value);
    return nb::cast<double>(nb::float_(value));
}

}  // namespace

void bind_optimizers(nb::module_& module) {
    nb::class_<OptimizerChoice>(module, "OptimizerChoice")
        .def_ro("description", &OptimizerChoice::description)
        .def_ro("multi_objective", &OptimizerChoice::multi_objective)
        .def(
            "make",
            [](const OptimizerChoice& choice, std::size_t dimension, std::size_t batch, std::size_t rounds,
               std::uint64_t seed) {
                return choice({.dimension = dimension, .batch = batch, .rounds = rounds, .seed = seed});
            },
            nb::arg("dimension"), nb::arg("batch"), nb::arg("rounds"), nb::arg("seed"));
    nb::class_<Optimizer>(module, "Optimizer")
        .def_prop_ro("name", &Optimizer::name)
        .def(
            "ask",
            [](Optimizer& optimizer, std::size_t n) {
                Candidates candidates = optimizer.ask(n);
                return std::pair{std::move(candidates.ids), to_numpy(std::move(candidates.points))};
            },
            nb::arg("n"))
        .def(
            "tell",
            [](Optimizer& optimizer, const std::vector<std::uint64_t>& ids, const Vector& errors) {
                optimizer.tell(ids, std::span(errors.data(), errors.size()));
            },
            nb::arg("ids"), nb::arg("errors"))
        .def(
            "tell_foreign",
            [](Optimizer& optimizer, const Matrix& points, const Vector& errors) {
                optimizer.tell_foreign(to_array(points), std::span(errors.data(), errors.size()));
            },
            nb::arg("points"), nb::arg("errors"))
        .def("save_state", &Optimizer::save_state)
        .def("load_state", [](Optimizer& optimizer, const std::string& text) { optimizer.load_state(text); });
    module.def(
        "optimizer",
        [](const std::string& name, const nb::dict& options) {
            const auto method = optimizer_method(name);
            for (const auto& [key, value] : options) method->set(nb::cast<std::string>(key), option_value(value));
            return method->choice();
        },
        nb::arg("name"), nb::arg("options") = nb::dict(),
        nb::sig("def optimizer(name: str, options: dict[str, typing.Any] = {}) -> OptimizerChoice"),
        "A method by name, with its options.");
    module.def(
        "optimizer_options",
        [](const std::string& name) {
            std::vector<std::pair<std::string, std::string>> list;
            for (const auto& option : optimizer_method(name)->options())
                list.emplace_back(option.name, option.standard);
            return list;
        },
        nb::arg("name"), "Options of a method and their defaults.");
    module.def("optimizer_methods", [] {
        std::vector<std::tuple<std::string, std::vector<std::string>, std::string>> list;
        for (auto& info : optimizer_methods()) list.emplace_back(info.name, info.aliases, info.summary);
        return list;
    });
    module.def(
        "python_optimizer",
        [](nb::object method, std::string description) {
            return OptimizerChoice{
                std::move(description),
                [held = shared(std::move(method))](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                    return std::make_unique<PythonOptimizer>(held, setting.dimension);
                }};
        },
        nb::arg("method"), nb::arg("description"));
}

}  // namespace spikesmith::python
