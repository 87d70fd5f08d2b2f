using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Files that were cut off or changed are refused at the start, by name, with one sentence.</summary>
internal sealed class DamagedFiles : IDrill
{
    public string Name => "damaged-files";

    public Task<string> RunAsync(Setting setting)
    {
        var count = 0;
        foreach (var file in (string[])["model.onnx", "model.onnx.data"])
        {
            Refuse(setting, file, path => Cut(path, length => length / 2));
            Refuse(setting, file, path => Cut(path, length => length - 1));
            Refuse(setting, file, path => Cut(path, _ => 0));
            for (var place = 0; place < 4; place++)
                Refuse(setting, file, path => Flip(path, place * (new FileInfo(path).Length - 1) / 3));
            Refuse(setting, file, File.Delete);
            count += 8;
        }
        return Task.FromResult($"{count} damages (cut off, one bit changed, missing): each refused with exit code 2 and one sentence that names the file");
    }

    /// <summary>Changes one bit.</summary>
    internal static void Flip(string path, long place)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = place;
        var value = file.ReadByte();
        file.Position = place;
        file.WriteByte((byte)(value ^ 1));
    }

    private static void Refuse(Setting setting, string file, Action<string> damage)
    {
        using var copy = setting.Copy();
        damage(copy[file]);
        var (code, error) = RunningServer.Refused(setting.Command, copy.Folder);
        DrillFailedException.Unless(code == 2 && error.Contains(file, StringComparison.Ordinal) && !error.Contains('\n'), $"A damaged {file} ended with code {code}: {error}");
    }

    private static void Cut(string path, Func<long, long> length)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.SetLength(length(file.Length));
    }
}
