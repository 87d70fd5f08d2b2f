using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Files that are exchanged while they are served, as an export does it (by renaming), do not change the answers; the next start sees them.</summary>
internal sealed class ChangedFiles : IDrill
{
    public string Name => "changed-files";

    public async Task<string> RunAsync(Setting setting)
    {
        using var copy = setting.Copy();
        var (server, questions) = await new Setting(setting.Command, copy.Folder).StartAsync();
        await using (server)
        {
            foreach (var file in (string[])["model.onnx", "model.onnx.data"])
            {
                File.Copy(copy[file], copy["other"]);
                DamagedFiles.Flip(copy["other"], new FileInfo(copy["other"]).Length / 2);
                File.Move(copy["other"], copy[file], overwrite: true);
                await questions.RequireAllAsync(server, $"While another {file} lies there");
            }
        }
        var (code, error) = RunningServer.Refused(setting.Command, copy.Folder);
        DrillFailedException.Unless(code == 2 && error.Contains("model.onnx", StringComparison.Ordinal), $"The next start ended with code {code}: {error}");
        return "the running server answers from the files that it opened; the next start refuses the others";
    }
}
