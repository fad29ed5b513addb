// A landscape as a picture: contours of the error, arrows down the gradient, the optimum.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/landscape.hpp"
#include "spikesmith/report/svg_plot.hpp"

namespace spikesmith {

// Axes in the parameters' display units; a parameter on a logarithmic scale is drawn by its decimal logarithm. Contours are evenly
// spaced in the logarithm of the error where it is positive; arrows show direction only.
[[nodiscard]] Plot landscape_plot(std::string title, const Landscape& landscape);

// The line where a table of values over a grid equals `level`, as pieces of two points each separated by NaN, by marching squares
// (W. Lorensen, H. Cline: Marching cubes. SIGGRAPH 1987, in the plane). Cells with values that are not finite are left out.
struct Contour {
    std::vector<double> x, y;
};
[[nodiscard]] Contour contour_of(const Array2& values, std::span<const double> x, std::span<const double> y,
                                 double level);

}  // namespace spikesmith
