# Part of eng/setup: which of the known-good package versions can this machine's NuGet feeds restore, and do their native
# libraries load here (TorchSharp 0.107 needs a newer libstdc++ than Debian 12 has)? Hence the lane.
# The ordinary client is asked, with whatever feeds and credentials it is configured for.
# Of this process alone: two set-ups at the same moment must not meet in one folder.
PROBE=$ROOT/eng/cache/probe.$$
trap 'rm -rf "$PROBE" "$PROBE.answer"' EXIT
TORCHSHARP=0.107.0
LIBTORCH=2.10.0
ONNXRUNTIMES=(1.29.0 1.31.1)
ORTOOLS=(9.14.6206 9.15.6755)

# restore_probe REFERENCE-ELEMENT...: restores a project with only these references; what it says stays in eng/cache/probe/log.
restore_probe() {
    local folder=$PROBE
    rm -rf "$folder"
    mkdir -p "$folder"
    # Files of these names here keep the repository's own away from the probe.
    for name in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' > "$folder/$name"; done
    {
        echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType>'
        echo '<ImplicitUsings>enable</ImplicitUsings><CreateHardLinksForCopyLocalIfPossible>true</CreateHardLinksForCopyLocalIfPossible>'
        echo '<NuGetAudit>false</NuGetAudit><NoWarn>NU1603</NoWarn></PropertyGroup><ItemGroup>'
        printf '%s\n' "$@"
        echo '</ItemGroup></Project>'
    } > "$folder/probe.csproj"
    dotnet restore "$folder/probe.csproj" --nologo -v quiet > "$folder/log" 2>&1
}

download() { printf '<PackageDownload Include="%s" Version="[%s]" />' "$1" "$2"; }
reference() { printf '<PackageReference Include="%s" Version="[%s]" />' "$1" "$2"; }

# lacks PACKAGE [VERSION]: the last probe could not find it.
lacks() {
    local log=$PROBE/log
    grep -qE 'NU1301|NU1100' "$log" || grep -qF "NU1101: Unable to find package $1." "$log" \
        || grep -qF "NU1102: Unable to find package $1 with version (= $2)" "$log"
}

# first_of PACKAGE VERSION...: prints the first version that the last probe found.
first_of() {
    local package=$1 version
    shift
    for version; do
        lacks "$package" "$version" || { printf '%s' "$version"; return; }
    done
}

has_nvidia_driver() { [ -e /proc/driver/nvidia/version ] || nvidia-smi -L > /dev/null 2>&1; }

# Fills ORT_PACKAGE, ORT_VERSION, ORTOOLS_VERSION and FLAVOR with what the feed has; prints what is missing.
choose_packages() {
    local version probes=() missing=()
    probes+=("$(download TorchSharp $TORCHSHARP)" "$(download TorchSharp-cuda-linux $TORCHSHARP)")
    for version in "${ONNXRUNTIMES[@]}"; do
        # The managed half of ONNX Runtime is small and has the version of the whole.
        probes+=("$(download Microsoft.ML.OnnxRuntime.Gpu "$version")" "$(download Microsoft.ML.OnnxRuntime.Managed "$version")")
    done
    for version in "${ORTOOLS[@]}"; do probes+=("$(download Google.OrTools "$version")"); done
    restore_probe "${probes[@]}" || true

    FLAVOR=${TORCH:-cpu}
    if [ -z "$TORCH" ] && has_nvidia_driver && ! lacks TorchSharp-cuda-linux $TORCHSHARP; then FLAVOR=cuda; fi
    ORT_PACKAGE=Microsoft.ML.OnnxRuntime.Gpu
    ORT_VERSION=$(first_of Microsoft.ML.OnnxRuntime.Gpu "${ONNXRUNTIMES[@]}")
    if [ -z "$ORT_VERSION" ] && [ "$FLAVOR" = cpu ]; then
        ORT_PACKAGE=Microsoft.ML.OnnxRuntime
        ORT_VERSION=$(first_of Microsoft.ML.OnnxRuntime.Managed "${ONNXRUNTIMES[@]}")
    fi
    ORTOOLS_VERSION=$(first_of Google.OrTools "${ORTOOLS[@]}")

    if grep -qE 'NU1301|NU1100' "$PROBE/log"; then
        echo "the feed does not answer"
        return
    fi
    if lacks TorchSharp $TORCHSHARP; then missing+=("TorchSharp $TORCHSHARP"); fi
    if [ "$FLAVOR" = cuda ] && lacks TorchSharp-cuda-linux $TORCHSHARP; then missing+=("TorchSharp-cuda-linux $TORCHSHARP"); fi
    if [ -z "$ORT_VERSION" ]; then missing+=("$ORT_PACKAGE ${ONNXRUNTIMES[*]}"); fi
    if [ -z "$ORTOOLS_VERSION" ]; then missing+=("Google.OrTools ${ORTOOLS[*]}"); fi
    if [ ${#missing[@]} -gt 0 ]; then
        printf 'the feed lacks %s' "${missing[0]}"
        if [ ${#missing[@]} -gt 1 ]; then printf ', %s' "${missing[@]:1}"; fi
    fi
}

# Restores the chosen packages with all that they depend on.
restore_chosen() {
    local torch=("$(reference TorchSharp $TORCHSHARP)" "$(reference libtorch-cpu-linux-x64 $LIBTORCH)")
    if [ "$FLAVOR" = cuda ]; then torch=("$(reference TorchSharp-cuda-linux $TORCHSHARP)"); fi
    restore_probe "${torch[@]}" "$(reference "$ORT_PACKAGE" "$ORT_VERSION")" "$(reference Google.OrTools "$ORTOOLS_VERSION")"
}

# Calls each of the restored packages once. Prints why one does not load.
run_chosen() {
    local folder=$PROBE
    cat > "$folder/Program.cs" << 'PROGRAM'
try
{
    if (TorchSharp.torch.ones(2).sum().item<float>() != 2)
        throw new InvalidOperationException("TorchSharp computes 1 + 1 wrongly");
    using var options = new Microsoft.ML.OnnxRuntime.SessionOptions();
    using var solver = Google.OrTools.LinearSolver.Solver.CreateSolver("CBC");
    return 0;
}
catch (Exception error)
{
    var torch = Directory.GetFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault();
    try
    {
        if (torch is not null)
            System.Runtime.InteropServices.NativeLibrary.Load(torch);
        Console.WriteLine(error.GetBaseException().Message.Split('\n')[0]);
    }
    catch (DllNotFoundException loading)
    {
        Console.WriteLine(loading.Message.Split('\n').FirstOrDefault(line => line.Contains("GLIBC"), loading.Message.Split('\n')[0]));
    }
    return 1;
}
PROGRAM
    dotnet run --project "$folder/probe.csproj" --no-restore -c Release -v quiet 2>> "$folder/log"
}

# Sets CHOSEN_LANE and CHOSEN_REASON, and for the nuget lane the versions.
choose_lane() {
    CHOSEN_LANE=system
    if [ "$LANE" = system ]; then
        CHOSEN_REASON="asked for by LANE=system"
        return
    fi
    local answer=$PROBE.answer lacking
    choose_packages > "$answer"
    lacking=$(cat "$answer")
    if [ -z "$lacking" ]; then
        note "TorchSharp $TORCHSHARP ($FLAVOR), $ORT_PACKAGE $ORT_VERSION, Google.OrTools $ORTOOLS_VERSION: restoring them with their native libraries"
        if ! restore_chosen; then
            lacking="a dependency cannot be restored: $(grep -m1 -oE 'NU[0-9]+: .*' "$PROBE/log" | cut -c1-200)"
        elif ! run_chosen > "$answer"; then
            lacking="the feed has the packages, but they do not load on this system: $(tail -n 1 "$answer" | sed "s|^[^ ]*/||; s| (required by.*||" | cut -c1-250)"
            if [ "$LANE" = nuget ]; then
                CHOSEN_LANE=nuget
                CHOSEN_REASON="asked for by LANE=nuget; it builds, but will not run here: ${lacking#*, but }"
                return
            fi
        else
            CHOSEN_LANE=nuget
            CHOSEN_REASON="the feed has all three packages, and they load"
            return
        fi
    fi
    [ "$LANE" != nuget ] || fail "LANE=nuget cannot be had here: $lacking"
    [ "$TORCH" != cuda ] || fail "TORCH=cuda cannot be had here: $lacking"
    CHOSEN_REASON=$lacking
}

# Writes eng/lane.props if that changes anything (a change makes everything rebuild); false when it does not.
write_lane_props() {
    local new=$ROOT/eng/cache/lane.props
    {
        echo '<Project>'
        echo '  <PropertyGroup>'
        echo "    <OnnxMoeLane>$CHOSEN_LANE</OnnxMoeLane>"
        if [ "$CHOSEN_LANE" = nuget ]; then
            echo "    <TorchFlavor>$FLAVOR</TorchFlavor>"
            echo "    <OnnxRuntimePackage>$ORT_PACKAGE</OnnxRuntimePackage>"
            echo "    <OnnxRuntimeVersion>$ORT_VERSION</OnnxRuntimeVersion>"
            echo "    <OrToolsVersion>$ORTOOLS_VERSION</OrToolsVersion>"
        else
            echo "    <TorchFlavor>cpu</TorchFlavor>"
        fi
        echo '  </PropertyGroup>'
        echo '</Project>'
    } > "$new"
    if cmp -s "$new" "$ROOT/eng/lane.props"; then return 1; fi
    mv "$new" "$ROOT/eng/lane.props"
}
