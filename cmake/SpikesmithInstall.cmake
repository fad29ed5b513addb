# `cmake --install`: the program, the room libraries with their headers, and the package that find_package(spikesmith) finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY SPIKESMITH_ROOMS)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/spikesmith)

foreach(room ${rooms} spikesmith_options)
  string(REPLACE spikesmith_ "" name ${room})
  set_target_properties(${room} PROPERTIES EXPORT_NAME ${name})  # spikesmith::core, ...
endforeach()
install(TARGETS spikesmith spikesmith_options ${rooms} EXPORT spikesmith_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(EXPORT spikesmith_targets NAMESPACE spikesmith:: FILE spikesmithTargets.cmake DESTINATION ${package_dir} COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/spikesmith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/spikesmithConfig.cmake.in ${PROJECT_BINARY_DIR}/spikesmithConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/spikesmithConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/spikesmithConfig.cmake ${PROJECT_BINARY_DIR}/spikesmithConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/SpikesmithDependencies.cmake DESTINATION ${package_dir} COMPONENT development)

if(TARGET spikesmith_program)
  install(TARGETS spikesmith_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()
if(TARGET spikesmith_torch)
  install(TARGETS spikesmith_torch LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/spikesmith COMPONENT program)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
