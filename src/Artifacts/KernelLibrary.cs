namespace OnnxMoe.Artifacts;

/// <summary>
/// The native kernels of the domain <c>onnxmoe</c>: a custom-op library that ONNX Runtime loads
/// (<c>SessionOptions.RegisterCustomOpLibrary</c>). Without it the same files run by their function bodies.
/// </summary>
public static class KernelLibrary
{
    /// <summary>The environment variable that names another library file.</summary>
    public const string Variable = "ONNXMOE_KERNELS";

    private const string FileName = "libonnxmoe.so";

    /// <summary>
    /// Full path of the library: what <see cref="Variable"/> names, else the one beside the program.
    /// </summary>
    /// <exception cref="UserError">There is no such file.</exception>
    public static string Locate()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(named))
            return File.Exists(named)
                ? Path.GetFullPath(named)
                : throw new UserError($"{Variable} names '{named}', but there is no such file.");
        var beside = Path.Combine(AppContext.BaseDirectory, FileName);
        return File.Exists(beside)
            ? beside
            : throw new UserError($"The native kernels ({FileName}) are not in {AppContext.BaseDirectory}: 'make build' builds them.");
    }
}
