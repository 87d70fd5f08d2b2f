using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

public sealed class FileSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NothingIsVisibleBeforePublishing()
    {
        File.WriteAllText(_folder["a"], "old");
        using var files = new FileSet(_folder.Path);
        File.WriteAllText(files.PathOf("a"), "new");
        File.WriteAllText(files.PathOf("b"), "new");
        Assert.Equal("old", File.ReadAllText(_folder["a"]));
        files.Publish();
        Assert.Equal("new", File.ReadAllText(_folder["a"]));
        Assert.Equal(["a", "b"], _folder.Names);
    }

    [Fact]
    public void WithoutPublishingNothingStays()
    {
        using (var files = new FileSet(_folder.Path))
            File.WriteAllText(files.PathOf("a"), "new");
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void AFullDiskLeavesTheOldFilesAndNothingElse()
    {
        using var disk = new FullDisk();
        File.WriteAllText(disk.Folder["a"], "old");
        var error = Assert.Throws<UserError>(() =>
        {
            using var files = new FileSet(disk.Folder.Path);
            AtomicFile.WriteText(files.PathOf("a"), "new");
            AtomicFile.Write(files.PathOf("b"), disk.FillUp);
            files.Publish();
        });
        Assert.Contains("the disk is full", error.Message);
        Assert.Equal("old", File.ReadAllText(disk.Folder["a"]));
        Assert.Equal(["a"], disk.Folder.Names);
    }

    [Fact]
    public void WhatKilledWritersLeftIsRemoved()
    {
        Directory.CreateDirectory(_folder[".staging-999999999.1"]);
        Directory.SetLastWriteTimeUtc(_folder[".staging-999999999.1"], DateTime.UtcNow.AddHours(-1));
        using (new FileSet(_folder.Path))
        {
        }
        Assert.Empty(_folder.Names);
    }
}
