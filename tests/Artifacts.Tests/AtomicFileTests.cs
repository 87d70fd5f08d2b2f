using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WritesTheFileAndMakesItsFolder()
    {
        AtomicFile.WriteText(_folder["a/b/c.txt"], "höhe");
        Assert.Equal("höhe", File.ReadAllText(_folder["a/b/c.txt"]));
        Assert.Single(Directory.GetFileSystemEntries(_folder["a/b"]));
    }

    [Fact]
    public void ReadersSeeTheOldFileUntilTheNewOneIsWhole()
    {
        AtomicFile.WriteText(_folder["x"], "old");
        AtomicFile.Write(_folder["x"], stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(_folder["x"]));
        });
        Assert.Equal("new", File.ReadAllText(_folder["x"]));
    }

    [Fact]
    public void AFailureKeepsTheOldFileAndLeavesNothingBehind()
    {
        AtomicFile.WriteText(_folder["x"], "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(_folder["x"], stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(_folder["x"]));
        Assert.Equal(["x"], _folder.Names);
    }

    [Fact]
    public void AFullDiskIsOneClearSentenceAndLosesNothing()
    {
        using var disk = new FullDisk();
        AtomicFile.WriteText(disk.Folder["x"], "old");
        var error = Assert.Throws<UserError>(() => AtomicFile.Write(disk.Folder["x"], disk.FillUp));
        Assert.Equal($"Cannot write {disk.Folder["x"]}: the disk is full, so free some space or choose another folder (nothing was changed).", error.Message);
        Assert.Equal("old", File.ReadAllText(disk.Folder["x"]));
        Assert.Equal(["x"], disk.Folder.Names);
    }

    [Fact]
    public void FilesOfKilledWritersAreRemoved()
    {
        File.WriteAllText(_folder[".x.999999999.1.tmp"], "half");
        File.SetLastWriteTimeUtc(_folder[".x.999999999.1.tmp"], DateTime.UtcNow.AddHours(-1));
        AtomicFile.WriteText(_folder["x"], "new");
        Assert.Equal(["x"], _folder.Names);
    }

    [Fact]
    public void ConcurrentWritersDoNotMixTheirBytes()
    {
        Parallel.For(0, 16, i => AtomicFile.WriteText(_folder["x"], new string((char)('a' + i), 100_000)));
        var text = File.ReadAllText(_folder["x"]);
        Assert.Equal(new string(text[0], 100_000), text);
        Assert.Equal(["x"], _folder.Names);
    }
}
