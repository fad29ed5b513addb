# The oracle of the elementary functions: correctly rounded arithmetic of any precision.
find_library(MPFR_LIBRARY mpfr REQUIRED)
find_library(GMP_LIBRARY gmp REQUIRED)
target_link_libraries(math_tests PRIVATE ${MPFR_LIBRARY} ${GMP_LIBRARY})
