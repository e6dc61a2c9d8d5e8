"""Authors and titles of the papers that built-in metrics name, of their networks, and of the statistics."""

from __future__ import annotations

PAPERS: dict[str, tuple[str, str]] = {
    "1606.03498": (
        "Tim Salimans and Ian Goodfellow and Wojciech Zaremba and Vicki Cheung and Alec Radford and Xi Chen",
        "Improved Techniques for Training {GANs}",
    ),
    "1706.08500": (
        "Martin Heusel and Hubert Ramsauer and Thomas Unterthiner and Bernhard Nessler and Sepp Hochreiter",
        "{GANs} Trained by a Two Time-Scale Update Rule Converge to a Local {Nash} Equilibrium",
    ),
    "1711.10485": (
        "Tao Xu and Pengchuan Zhang and Qiuyuan Huang and Han Zhang and Zhe Gan and Xiaolei Huang and Xiaodong He",
        "{AttnGAN}: Fine-Grained Text to Image Generation with Attentional Generative Adversarial Networks",
    ),
    "1801.01401": (
        "Miko{\\l}aj Bi{\\'n}kowski and Danica J. Sutherland and Michael Arbel and Arthur Gretton",
        "Demystifying {MMD} {GANs}",
    ),
    "1904.06991": (
        'Tuomas Kynk{\\"a}{\\"a}nniemi and Tero Karras and Samuli Laine and Jaakko Lehtinen and Timo Aila',
        "Improved Precision and Recall Metric for Assessing Generative Models",
    ),
    "1910.13321": (
        "Tobias Hinz and Stefan Heinrich and Stefan Wermter",
        "Semantic Object Accuracy for Generative Text-to-Image Synthesis",
    ),
    "1911.07023": (
        "Min Jin Chong and David Forsyth",
        "Effectively Unbiased {FID} and {Inception Score} and Where to Find Them",
    ),
    "2002.09797": (
        "Muhammad Ferjad Naeem and Seong Joon Oh and Youngjung Uh and Yunjey Choi and Jaejun Yoo",
        "Reliable Fidelity and Diversity Metrics for Generative Models",
    ),
    "2104.08718": (
        "Jack Hessel and Ari Holtzman and Maxwell Forbes and Ronan Le Bras and Yejin Choi",
        "{CLIPScore}: A Reference-free Evaluation Metric for Image Captioning",
    ),
    "2210.02410": (
        "Dan Friedman and Adji Bousso Dieng",
        "The {Vendi} Score: A Diversity Evaluation Metric for Machine Learning",
    ),
    "2212.10015": (
        "Tejas Gokhale and Hamid Palangi and Besmira Nushi and Vibhav Vineet and Eric Horvitz and Ece Kamar and Chitta "
        "Baral and Yezhou Yang",
        "Benchmarking Spatial Relationships in Text-to-Image Generation",
    ),
    "2204.03162": (
        "Tristan Thrush and Ryan Jiang and Max Bartolo and Amanpreet Singh and Adina Williams and Douwe Kiela and "
        "Candace Ross",
        "Winoground: Probing Vision and Language Models for Visio-Linguistic Compositionality",
    ),
    "2306.14610": (
        "Cheng-Yu Hsieh and Jieyu Zhang and Zixian Ma and Aniruddha Kembhavi and Ranjay Krishna",
        "{SugarCrepe}: Fixing Hackable Benchmarks for Vision-Language Compositionality",
    ),
    "2403.05135": (
        "Xiwei Hu and Rui Wang and Yixiao Fang and Bin Fu and Pei Cheng and Gang Yu",
        "{ELLA}: Equip Diffusion Models with {LLM} for Enhanced Semantic Alignment",
    ),
    "2401.09603": (
        "Sadeep Jayasumana and Srikumar Ramalingam and Andreas Veit and Daniel Glasner and Ayan Chakrabarti and "
        "Sanjiv Kumar",
        "Rethinking {FID}: Towards a Better Evaluation Metric for Image Generation",
    ),
    "1605.05396": (
        "Scott Reed and Zeynep Akata and Xinchen Yan and Lajanugen Logeswaran and Bernt Schiele and Honglak Lee",
        "Generative Adversarial Text to Image Synthesis",
    ),
    "1608.00507": (
        "Jianming Zhang and Zhe Lin and Jonathan Brandt and Xiaohui Shen and Stan Sclaroff",
        "Top-down Neural Attention by Excitation Backprop",
    ),
    "1711.11586": (
        "Jun-Yan Zhu and Richard Zhang and Deepak Pathak and Trevor Darrell and Alexei A. Efros and Oliver Wang and "
        "Eli Shechtman",
        "Toward Multimodal Image-to-Image Translation",
    ),
    "1801.03924": (
        "Richard Zhang and Phillip Isola and Alexei A. Efros and Eli Shechtman and Oliver Wang",
        "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
    ),
    "1802.05637": ("Takeru Miyato and Masanori Koyama", "{cGANs} with Projection Discriminator"),
    "1802.09178": (
        "Zizhao Zhang and Yuanpu Xie and Lin Yang",
        "Photographic Text-to-Image Synthesis with a Hierarchically-nested Adversarial Network",
    ),
    "1902.09630": (
        "Hamid Rezatofighi and Nathan Tsoi and JunYoung Gwak and Amir Sadeghian and Ian Reid and Silvio Savarese",
        "Generalized Intersection over Union: A Metric and A Loss for Bounding Box Regression",
    ),
    "1903.05854": (
        "Tingting Qiao and Jing Zhang and Duanqing Xu and Dacheng Tao",
        "{MirrorGAN}: Learning Text-to-image Generation by Redescription",
    ),
    "1905.00414": (
        "Simon Kornblith and Mohammad Norouzi and Honglak Lee and Geoffrey Hinton",
        "Similarity of Neural Network Representations Revisited",
    ),
    "1907.08175": (
        "Terrance DeVries and Adriana Romero and Luis Pineda and Graham W. Taylor and Michal Drozdzal",
        "On the Evaluation of Conditional {GANs}",
    ),
    "2102.08921": (
        "Ahmed M. Alaa and Boris van Breugel and Evgeny Saveliev and Mihaela van der Schaar",
        "How Faithful is your Synthetic Data? Sample-level Metrics for Evaluating and Auditing Generative Models",
    ),
    "2106.03062": (
        "Ching-Yuan Bai and Hsuan-Tien Lin and Colin Raffel and Wendy Chih-wen Kan",
        "On Training Sample Memorization: Lessons from Benchmarking Generative Modeling with a Large-scale Competition",
    ),
    "2112.01398": (
        "Tan M. Dinh and Rang Nguyen and Binh-Son Hua",
        "{TISE}: Bag of Metrics for Text-to-Image Synthesis Evaluation",
    ),
    "2202.04053": (
        "Jaemin Cho and Abhay Zala and Mohit Bansal",
        "{DALL-Eval}: Probing the Reasoning Skills and Social Biases of Text-to-Image Generation Models",
    ),
    "2303.11897": (
        "Yushi Hu and Benlin Liu and Jungo Kasai and Yizhong Wang and Mari Ostendorf and Ranjay Krishna and Noah A. "
        "Smith",
        "{TIFA}: Accurate and Interpretable Text-to-Image Faithfulness Evaluation with Question Answering",
    ),
    "2304.05977": (
        "Jiazheng Xu and Xiao Liu and Yuchen Wu and Yuxuan Tong and Qinkai Li and Ming Ding and Jie Tang and Yuxiao "
        "Dong",
        "{ImageReward}: Learning and Evaluating Human Preferences for Text-to-Image Generation",
    ),
    "2304.05390": (
        "Eslam Mohamed Bakr and Pengzhan Sun and Xiaoqian Shen and Faizan Farooq Khan and Li Erran Li and Mohamed "
        "Elhoseiny",
        "{HRS-Bench}: Holistic, Reliable and Scalable Benchmark for Text-to-Image Models",
    ),
    "2307.06350": (
        "Kaiyi Huang and Kaiyue Sun and Enze Xie and Zhenguo Li and Xihui Liu",
        "{T2I-CompBench}: A Comprehensive Benchmark for Open-world Compositional Text-to-image Generation",
    ),
    "2210.08402": (
        "Christoph Schuhmann and Romain Beaumont and Richard Vencu and Cade Gordon and Ross Wightman and Mehdi Cherti "
        "and Theo Coombes and Aarush Katta and Clayton Mullis and Mitchell Wortsman and Patrick Schramowski and "
        "Srivatsa Kundurthy and Katherine Crowson and Ludwig Schmidt and Robert Kaczmarczyk and Jenia Jitsev",
        "{LAION-5B}: An Open Large-scale Dataset for Training Next Generation Image-text Models",
    ),
    "2305.01569": (
        "Yuval Kirstain and Adam Polyak and Uriel Singer and Shahbuland Matiana and Joe Penna and Omer Levy",
        "{Pick-a-Pic}: An Open Dataset of User Preferences for Text-to-Image Generation",
    ),
    "2306.09341": (
        "Xiaoshi Wu and Yiming Hao and Keqiang Sun and Yixiong Chen and Feng Zhu and Rui Zhao and Hongsheng Li",
        "Human Preference Score v2: A Solid Benchmark for Evaluating Human Preferences of Text-to-Image Synthesis",
    ),
    "2310.11513": (
        "Dhruba Ghosh and Hanna Hajishirzi and Ludwig Schmidt",
        "{GenEval}: An Object-Focused Framework for Evaluating Text-to-Image Alignment",
    ),
    "2310.18235": (
        "Jaemin Cho and Yushi Hu and Roopal Garg and Peter Anderson and Ranjay Krishna and Jason Baldridge and Mohit "
        "Bansal and Jordi Pont-Tuset and Su Wang",
        "Davidsonian Scene Graph: Improving Reliability in Fine-grained Evaluation for Text-to-Image Generation",
    ),
    "2404.01291": (
        "Zhiqiu Lin and Deepak Pathak and Baiqi Li and Jiayao Li and Xide Xia and Graham Neubig and Pengchuan Zhang "
        "and Deva Ramanan",
        "Evaluating Text-to-Visual Generation with Image-to-Text Generation",
    ),
    "1512.00567": (
        "Christian Szegedy and Vincent Vanhoucke and Sergey Ioffe and Jonathon Shlens and Zbigniew Wojna",
        "Rethinking the {Inception} Architecture for Computer Vision",
    ),
    "2103.00020": (
        "Alec Radford and Jong Wook Kim and Chris Hallacy and Aditya Ramesh and Gabriel Goh and Sandhini Agarwal and "
        "Girish Sastry and Amanda Askell and Pamela Mishkin and Jack Clark and Gretchen Krueger and Ilya Sutskever",
        "Learning Transferable Visual Models From Natural Language Supervision",
    ),
    "2304.07193": (
        "Maxime Oquab and Timoth{\\'e}e Darcet and Th{\\'e}o Moutakanni and Huy Vo and Marc Szafraniec and Vasil "
        "Khalidov and Pierre Fernandez and Daniel Haziza and Francisco Massa and Alaaeldin El-Nouby and Mahmoud "
        "Assran and Nicolas Ballas and Wojciech Galuba and Russell Howes and Po-Yao Huang and Shang-Wen Li and Ishan "
        "Misra and Michael Rabbat and Vasu Sharma and Gabriel Synnaeve and Hu Xu and Herv{\\'e} Jegou and Julien "
        "Mairal and Patrick Labatut and Armand Joulin and Piotr Bojanowski",
        "{DINOv2}: Learning Robust Visual Features without Supervision",
    ),
    "10.1109/TIP.2003.819861": (
        "Zhou Wang and Alan C. Bovik and Hamid R. Sheikh and Eero P. Simoncelli",
        "Image Quality Assessment: From Error Visibility to Structural Similarity",
    ),
    "10.1002/col.20070": (
        "Gaurav Sharma and Wencheng Wu and Edul N. Dalal",
        "The {CIEDE2000} Color-difference Formula: Implementation Notes, Supplementary Test Data, and Mathematical "
        "Observations",
    ),
    "10.2307/1932409": ("Lee R. Dice", "Measures of the Amount of Ecologic Association Between Species"),
    "10.1093/biomet/30.1-2.81": ("M. G. Kendall", "A New Measure of Rank Correlation"),
    "10.1109/TPAMI.2025.3531907": (
        "Kaiyi Huang and Chengqi Duan and Kaiyue Sun and Enze Xie and Zhenguo Li and Xihui Liu",
        "{T2I-CompBench++}: An Enhanced and Comprehensive Benchmark for Compositional Text-to-image Generation",
    ),
    "10.1145/363958.363994": (
        "Fred J. Damerau",
        "A Technique for Computer Detection and Correction of Spelling Errors",
    ),
}
"""arXiv id or DOI -> authors and title."""

EXTRACTORS: dict[str, str] = {
    "inception-v3": "Szegedy et al. 2016, arXiv:1512.00567",
    "open-clip": "Radford et al. 2021, arXiv:2103.00020",
    "dinov2": "Oquab et al. 2023, arXiv:2304.07193",
}
"""Name of an extractor -> paper of its network."""

METHODS: dict[str, str] = {
    "BCa": "@article{efron1987better,\n  author = {Bradley Efron},\n"
    "  title = {Better Bootstrap Confidence Intervals},\n"
    "  journal = {Journal of the American Statistical Association},\n  volume = {82},\n  number = {397},\n"
    "  pages = {171--185},\n  year = {1987},\n}",
    "Wilson": "@article{wilson1927probable,\n  author = {Edwin B. Wilson},\n"
    "  title = {Probable Inference, the Law of Succession, and Statistical Inference},\n"
    "  journal = {Journal of the American Statistical Association},\n  volume = {22},\n  number = {158},\n"
    "  pages = {209--212},\n  year = {1927},\n}",
    "max-T": "@book{westfall1993resampling,\n  author = {Peter H. Westfall and S. Stanley Young},\n"
    "  title = {Resampling-Based Multiple Testing: Examples and Methods for $p$-Value Adjustment},\n"
    "  publisher = {Wiley},\n  year = {1993},\n}",
    "Holm": "@article{holm1979simple,\n  author = {Sture Holm},\n"
    "  title = {A Simple Sequentially Rejective Multiple Test Procedure},\n"
    "  journal = {Scandinavian Journal of Statistics},\n  volume = {6},\n  number = {2},\n  pages = {65--70},\n"
    "  year = {1979},\n}",
}
"""Word by which a statistical method is known in what is printed -> its reference."""
