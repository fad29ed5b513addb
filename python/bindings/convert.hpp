// Between Python and the core: arrays, dimensions, quantities. Arrays that the core made are handed over without a copy;
// arrays that come in are C-contiguous doubles (the Python side sees to that) and are copied once, into the core's own.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "spikesmith/core/array.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith::python {

namespace nb = nanobind;

using Matrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using NumpyArray = nb::ndarray<nb::numpy, double>;
using Exponents = std::array<double, Dimension::count>;  // of a dimension, as Python has it

inline Array2 to_array(const Matrix& matrix) {
    Array2 array;
    array.rows = matrix.shape(0);
    array.columns = matrix.shape(1);
    array.values.assign(matrix.data(), matrix.data() + matrix.size());
    return array;
}

inline std::vector<double> to_vector(const Vector& vector) {
    return {vector.data(), vector.data() + vector.size()};
}

// A NumPy array that owns `values`, of the given shape.
inline NumpyArray to_numpy(std::vector<double> values, const std::vector<std::size_t>& shape) {
    auto owned = std::make_unique<std::vector<double>>(std::move(values));
    double* const data = owned->data();
    const nb::capsule owner(owned.release(), [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
    return {data, shape.size(), shape.data(), owner};
}
inline NumpyArray to_numpy(std::vector<double> values) {
    const std::size_t size = values.size();
    return to_numpy(std::move(values), {size});
}
inline NumpyArray to_numpy(Array2 array) {
    return to_numpy(std::move(array.values), {array.rows, array.columns});
}

// A read-only view of memory that the core owns; valid during a call only.
inline nb::ndarray<nb::numpy, const double> view(const double* data, const std::vector<std::size_t>& shape) {
    return {data, shape.size(), shape.data(), nb::none()};
}

inline Dimension to_dimension(const Exponents& exponents) {
    return Dimension(exponents);
}
inline Exponents to_exponents(const Dimension& dimension) {
    Exponents exponents{};
    for (int base = 0; base < Dimension::count; ++base) {
        exponents[static_cast<std::size_t>(base)] = dimension.exponent(base);
    }
    return exponents;
}

using PlainQuantity = std::pair<double, Exponents>;
inline Quantity to_quantity(const PlainQuantity& quantity) {
    return {quantity.first, to_dimension(quantity.second)};
}

// A Python object that threads of the core may hold: released with the interpreter lock held.
inline std::shared_ptr<nb::object> shared(nb::object object) {
    return {new nb::object(std::move(object)), [](nb::object* held) {
                const nb::gil_scoped_acquire lock;
                delete held;
            }};
}

void bind_units(nb::module_& module);
void bind_models(nb::module_& module);
void bind_metrics(nb::module_& module);
void bind_optimizers(nb::module_& module);
void bind_features(nb::module_& module);
void bind_fitters(nb::module_& module);
void bind_refine(nb::module_& module);
void bind_inference(nb::module_& module);

}  // namespace spikesmith::python
