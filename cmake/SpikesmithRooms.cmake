# One room = one folder under src/spikesmith = one object library `spikesmith_<room>` that may include only the rooms it names.

# Arithmetic must give the same bits everywhere: no contraction, no reassociation by the compiler.
add_library(spikesmith_options INTERFACE)
target_include_directories(spikesmith_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include>)
target_compile_features(spikesmith_options INTERFACE cxx_std_20)
target_compile_options(spikesmith_options INTERFACE $<BUILD_INTERFACE:-ffp-contract=off>)
add_library(spikesmith_warnings INTERFACE)
target_compile_options(spikesmith_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>  # false alarms: GCC bug 105651
  $<$<BOOL:${SPIKESMITH_WERROR}>:-Werror>)

set_property(GLOBAL PROPERTY SPIKESMITH_ROOMS "")
function(spikesmith_room name)
  cmake_parse_arguments(ROOM "" "" "NEEDS;LIBRARIES;SYSTEM_INCLUDES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.hpp)
  if(NOT sources)
    return()
  endif()
  add_library(spikesmith_${name} STATIC ${sources} ${headers})
  list(TRANSFORM ROOM_NEEDS PREPEND spikesmith_)
  foreach(need ${ROOM_NEEDS})
    if(TARGET ${need})
      target_link_libraries(spikesmith_${name} PUBLIC ${need})
    endif()
  endforeach()
  target_link_libraries(spikesmith_${name} PUBLIC spikesmith_options ${ROOM_LIBRARIES} PRIVATE $<BUILD_INTERFACE:spikesmith_warnings>)
  target_include_directories(spikesmith_${name} SYSTEM PRIVATE ${ROOM_SYSTEM_INCLUDES})
  set_property(GLOBAL APPEND PROPERTY SPIKESMITH_ROOMS spikesmith_${name})
endfunction()
