using System.Diagnostics;
using System.Globalization;

namespace OnnxMoe.Bench.Serving;

/// <summary>llama.cpp, through the npm package node-llama-cpp in bench/Serving/llamacpp.</summary>
internal static class LlamaCpp
{
    /// <summary>Runs a GGUF file.</summary>
    /// <param name="script">Path of speed.mjs, beside which the package is installed.</param>
    /// <param name="model">The file.</param>
    /// <param name="vocabulary">Its token ids.</param>
    /// <param name="prompt">Tokens of a prompt.</param>
    /// <param name="answer">Tokens of an answer.</param>
    /// <param name="runs">Of each the best counts.</param>
    public static Rates Run(string script, string model, int vocabulary, int prompt, int answer, int runs)
    {
        var start = new ProcessStartInfo("node", [script, model, $"{vocabulary}", $"{prompt}", $"{answer}", $"{runs}"]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{script} ended with code {process.ExitCode}; 'npm install --ignore-scripts' beside it installs llama.cpp.");
        var numbers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        return new(numbers[0], numbers[1], numbers[2]);
    }
}
